/** Random lives of an order: many commands of a small world, so that the same payments, attempts and refunds meet again and again. */
import * as fc from "fast-check";
import type { Command } from "../../../src/core/commands.ts";
import type { OrderTerms } from "../../../src/core/order.ts";
import {
  attempt,
  begun,
  captured,
  expiresAt,
  grace,
  hour,
  minute,
  placedAt,
  recorded,
  refundNumber,
  second,
  terms,
  total,
  usd,
} from "./sample.ts";

/** A command, and how long after the one before it. */
export type Moment = { readonly wait: number; readonly command: Command };

/** FC_SEED and FC_RUNS repeat a run; fast-check prints both seed and path with every failure. */
export const runs = (numRuns: number, share = 1): fc.Parameters<unknown> => ({
  numRuns: Math.ceil(Number(process.env["FC_RUNS"] ?? numRuns) * share),
  ...(process.env["FC_SEED"] === undefined ? {} : { seed: Number(process.env["FC_SEED"]) }),
  ...(process.env["FC_PATH"] === undefined ? {} : { path: process.env["FC_PATH"] }),
});

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const transactions = one("A", "B", "C", "D");
const amounts = one(total, total, total, total * 0.6, total * 0.4, total + 700, 1);
const paidAts = one(
  placedAt + minute,
  expiresAt,
  expiresAt + grace,
  expiresAt + grace + 1,
  expiresAt + hour,
  placedAt + 30 * hour,
);
const attempts = one(1, 2, 3).map(attempt);

export const capture: fc.Arbitrary<Command> = fc
  .tuple(
    transactions,
    amounts,
    paidAts,
    one(null, null, attempt(1), attempt(2)),
    one("account_1", "account_1", "account_1", "account_1", "account_9"),
    one(undefined, undefined, undefined, undefined, usd),
  )
  .map(([transaction, amount, paidAt, tried, account, currency]) =>
    captured(transaction, { amount, paidAt, attempt: tried, account, ...(currency && { currency }) }),
  );
export const ended: fc.Arbitrary<Command> = fc
  .tuple(attempts, one("FAILED" as const, "CLOSED" as const))
  .map(([tried, outcome]) => ({ kind: "ended", attempt: tried, outcome, reason: null }));
export const refundHeard: fc.Arbitrary<Command> = fc
  .tuple(
    one(refundNumber(1), refundNumber(2), refundNumber(3), "theirs_1", "theirs_2", "desk_1", "desk_2"),
    transactions,
    one(total, total * 0.4, 700, total * 3),
    one("SUCCEEDED" as const, "SUCCEEDED" as const, "FAILED" as const),
  )
  .map(([refund, transaction, amount, outcome]) => ({
    kind: "refundHeard",
    refund,
    capture: `SANDBOX:${transaction}`,
    amount,
    // Who tells all that went back so far tells of successes alone.
    ...(refund.startsWith("desk") ? { outcome: "SUCCEEDED", soFar: true } : { outcome }),
  }));

const asked: fc.Arbitrary<Command> = fc.oneof(
  fc
    .tuple(one("alice", "bob"), one("account_1", "account_2", "account_9"))
    .map(([claimant, account]) => begun(claimant, account)),
  one("alice", "bob").map((claimant): Command => ({ kind: "confirm", claimant })),
  fc.constant<Command>({ kind: "cancel", reason: "closing time" }),
  one(30 * minute, 2 * hour, 26 * hour, 90 * 24 * hour).map((after): Command => ({
    kind: "extend",
    expiresAt: placedAt + after,
  })),
  fc
    .tuple(one(null, 1, total * 0.4, total, total * 2), fc.boolean(), fc.boolean(), one("", "", "a", "b"))
    .map(([amount, reverseConversion, restock, name]): Command => ({
      kind: "refund",
      amount,
      reason: null,
      reverseConversion,
      restock,
      ...(name !== "" && { request: { call: `${name}/${amount}`, key: name, input: String(amount) } }),
    })),
  one("HONOR" as const, "REFUND" as const).map((decision): Command => ({ kind: "resolve", decision, note: "" })),
  fc.tuple(one("cash", "bank"), one(total, total * 0.4)).map(([reference, amount]) => recorded(reference, { amount })),
);
const answered: fc.Arbitrary<Command> = fc.oneof(
  fc.boolean().map((taken): Command => ({ kind: "stock", taken })),
  fc.boolean().map((firstTime): Command => ({ kind: "customer", firstTime })),
  one(placedAt, placedAt + 2 * hour, placedAt + 40 * hour).map((erasedAt): Command => ({ kind: "forget", erasedAt })),
  attempts.map((tried): Command => ({ kind: "opened", attempt: tried, reference: "pi_1" })),
  attempts.map((tried): Command => ({ kind: "kept", attempt: tried })),
  fc.constant<Command>({ kind: "tick" }),
  fc.constant<Command>({ kind: "scan", count: 1, firstAt: placedAt }),
  fc.constant<Command>({ kind: "place" }),
);

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: capture },
  { weight: 2, arbitrary: ended },
  { weight: 2, arbitrary: refundHeard },
  { weight: 4, arbitrary: asked },
  { weight: 3, arbitrary: answered },
);
const waits = one(0, 0, 0, second, 10 * second, 119 * second, 121 * second, 20 * minute, hour, 26 * hour);
/** A life of up to `maxLength` commands. Some are repeated at once, others come back later by themselves. */
export const history = (maxLength: number, commands = command): fc.Arbitrary<readonly Moment[]> =>
  fc
    .array(fc.record({ wait: waits, command: commands, copies: one(1, 1, 1, 2) }), { maxLength, size: "max" })
    .map((moments) =>
      moments.flatMap(({ wait, command: told, copies }) =>
        Array.from({ length: copies }, (_, copy) => ({ wait: copy === 0 ? wait : 0, command: told })),
      ),
    );

/** What a merchant may have decided. */
export const merchants = fc.record({
  latePayment: one("HONOR" as const, "HONOR_IF_STOCK" as const, "REFUND" as const, "REVIEW" as const),
  overPayment: one("REFUND" as const, "KEEP" as const, "REVIEW" as const),
  underPayment: one("REFUND" as const, "KEEP_OPEN" as const, "REVIEW" as const),
  countsStock: fc.boolean(),
});
export type Merchant = typeof merchants extends fc.Arbitrary<infer T> ? T : never;
export const termsOf = ({ countsStock, ...policy }: Merchant): OrderTerms => terms(policy, { countsStock });
