/** The form of the pretend wallet's page, checked. */
import { parseInstant } from "../core/instant.ts";
import { limits } from "../core/limits.ts";
import { parseDecimal, type Currency } from "../core/money.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { SandboxDecision } from "../durable/sandbox-payment.ts";

const outcomes = ["pay", "fail", "abandon"] as const;
const texts = ["payer", "name", "phone", "email"] as const;

/** Empty fields are as good as absent. Refuses with the names of the fields that cannot be read. */
export function readDecision(
  form: URLSearchParams,
  currency: Currency,
  browser: string,
): Result<SandboxDecision, readonly string[]> {
  const faults: string[] = [];
  const given = (field: string): string | undefined => form.get(field) || undefined;
  /** What `read` makes of a field that was filled in; null from it means that it cannot. */
  const read = <T>(field: string, reader: (text: string) => T | null): T | undefined => {
    const text = given(field);
    if (text === undefined) return undefined;
    const value = reader(text);
    if (value === null) faults.push(field);
    return value ?? undefined;
  };
  const outcome = outcomes.find((one) => one === form.get("outcome"));
  if (!outcome) faults.push("outcome");
  const [payer, name, phone, email] = texts.map((field) =>
    read(field, (text) => (text.length <= limits.referenceLengthMax ? text : null)),
  );
  const amount = read("amount", (text) => {
    const paying = parseDecimal(text, currency);
    return paying.ok && paying.value > 0 ? paying.value : null;
  });
  const notifications = read("notifications", (text) => countOf(text, limits.sandboxNotificationsMax));
  const delaySeconds = read("delaySeconds", (text) => countOf(text, limits.sandboxDelaySecondsMax));
  const paidAt = read("paidAt", parseInstant);
  const lateSeconds = read("lateSeconds", (text) => countOf(text, limits.sandboxDelaySecondsMax));
  const chaos = read("chaos", (text) => (text.length <= limits.sandboxChaosLengthMax ? text : null));
  if (!outcome || faults.length > 0) return err(faults);
  return ok({
    outcome,
    payer: { id: payer ?? browser, name, phone, email },
    amount: amount ?? null,
    notifications: notifications ?? 1,
    delayMs: (delaySeconds ?? 0) * 1000,
    paidAt: paidAt ?? null,
    lateMs: (lateSeconds ?? 0) * 1000,
    chaos: chaos ?? null,
  });
}

const countOf = (text: string, max: number): number | null =>
  /^\d{1,6}$/.test(text) && Number(text) <= max ? Number(text) : null;
