/**
 * Calls to somebody's server. That one leaves is written down before it does, and counted: so whatever becomes of it, or of us, it is known that it may have
 * arrived, it is made so often and no more, and what it tells is told in the same words each time.
 */
import { became, firstCall } from "./block-run.ts";
import { accept, inWords, type Commands, type Step } from "./commands.ts";
import type { ActionOutcome, CallWords, Conversion } from "./conversion.ts";
import { hearing } from "./consents.ts";
import { after, plannedBy, withAction } from "./follow-up.ts";
import { limits } from "./limits.ts";
import type { Order } from "./order.ts";

/** Whether this outcome waits for that call. */
const awaits = ({ waits, state }: ActionOutcome, undo: boolean): boolean =>
  waits === "CALL" && undo === (state === "REVERSED");

/** Nothing changes where it is not to leave any more: it was taken back or forbidden meanwhile, or has left already. */
export function calling(order: Order, { key, undo, number }: Commands["calling"], now: number): Step {
  const draft = after(order, now, (conversion) =>
    withAction(conversion, key, (outcome) => {
      if (!awaits(outcome, undo) || number !== (outcome.call?.tries ?? 0) + 1) return outcome;
      const nextAt = now + Math.max(limits.actionUnheardMs, limits.actionRetryMs[number - 1] ?? 0);
      return { ...outcome, call: { tries: number, nextAt }, called: outcome.called ?? wordsOf(conversion) };
    }),
  );
  return accept(draft);
}

const wordsOf = ({ actions, claim }: Conversion): CallWords => ({
  points: actions.reduce((sum, { points }) => sum + (points?.kept ?? 0), 0),
  coupon: actions.find(({ coupon, state }) => coupon && state === "DONE")?.coupon?.code ?? null,
  claimed: claim !== undefined,
});

/** What came of a call. `undo` tells which of the two calls of an action it was, `number` which try. */
export function acted(order: Order, news: Commands["acted"], now: number): Step {
  const { key, undo, number, outcome: came, detail: said, takenBackAt = now } = news;
  const detail = said === null ? {} : { detail: inWords(said) };
  const requires = came === "NO_CONSENT" ? plannedBy(order, key)?.requires : undefined;
  // The consent that the read model no longer knows is none here either: else the action would begin again at once.
  const words = requires ? [{ purpose: requires, granted: false, at: takenBackAt }] : [];
  const draft = after(order, now, (conversion) =>
    withAction(hearing(conversion, words), key, (outcome) => {
      // It left before consent was taken back, and what happened elsewhere has happened.
      if (came === "DONE" && !undo && outcome.state === "SKIPPED_NO_CONSENT") return became(outcome, "DONE", now);
      if (!awaits(outcome, undo)) return outcome;
      const tries = outcome.call?.tries ?? 0;
      switch (came) {
        case "DONE":
          return became(outcome, undo ? "REVERSED" : "DONE", now);
        case "NO_CONSENT":
          return became(outcome, "SKIPPED_NO_CONSENT", now);
        case "NOT_YET":
          return { ...outcome, call: { tries, nextAt: opensNext(order, key, now) } };
        case "FAILED": {
          // The present try, or one that failed before it could leave. Of an older one, from before somebody asked for all to be tried again, nothing follows.
          if (number !== tries && number !== tries + 1) return outcome;
          const wait = limits.actionRetryMs[number - 1];
          if (wait === undefined) return became(outcome, undo ? "REVERSED" : "FAILED", now, detail);
          return { ...outcome, ...detail, call: { tries: number, nextAt: now + wait } };
        }
      }
    }),
  );
  return accept(draft);
}

function opensNext(order: Order, key: string, now: number): number {
  const action = plannedBy(order, key);
  return action ? Math.max(now + 1, firstCall(action, order.terms, now).nextAt) : now;
}
