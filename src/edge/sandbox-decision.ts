/** The form of the pretend wallet's page, checked. */
import * as z from "zod/mini";
import { limits } from "../core/limits.ts";
import { parseDecimal, type Currency } from "../core/money.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { SandboxDecision } from "../durable/sandbox-payment.ts";

const text = z.string().check(z.maxLength(limits.referenceLengthMax));
const count = (max: number) =>
  z.pipe(z.string().check(z.regex(/^\d{1,6}$/)), z.pipe(z.transform(Number), z.number().check(z.maximum(max))));
const instant = z.pipe(
  z.iso.datetime({ offset: true }),
  z.transform((iso: string) => Date.parse(iso)),
);

const decisionForm = z.object({
  outcome: z.enum(["pay", "fail", "abandon"]),
  payer: z.optional(text),
  name: z.optional(text),
  phone: z.optional(text),
  email: z.optional(text),
  amount: z.optional(text),
  notifications: z.optional(count(limits.sandboxNotificationsMax)),
  delaySeconds: z.optional(count(limits.sandboxDelaySecondsMax)),
  paidAt: z.optional(instant),
});

/** Empty fields are as good as absent. Refuses with the names of the fields that cannot be read. */
export function readDecision(
  form: URLSearchParams,
  currency: Currency,
  browser: string,
): Result<SandboxDecision, readonly string[]> {
  const parsed = decisionForm.safeParse(Object.fromEntries([...form].filter(([, value]) => value !== "")));
  if (!parsed.success) return err([...new Set(parsed.error.issues.map(({ path }) => String(path[0])))]);
  const { outcome, payer, name, phone, email, amount, notifications, delaySeconds, paidAt } = parsed.data;
  const paying = amount === undefined ? null : parseDecimal(amount, currency);
  if (paying && !(paying.ok && paying.value > 0)) return err(["amount"]);
  return ok({
    outcome,
    payer: { id: payer ?? browser, name, phone, email },
    amount: paying?.ok ? paying.value : null,
    notifications: notifications ?? 1,
    delayMs: (delaySeconds ?? 0) * 1000,
    paidAt: paidAt ?? null,
  });
}
