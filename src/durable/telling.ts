/**
 * Telling the rest of the world what a live code has committed: the read model and the partners, each at its own pace and by its own mark, so
 * that neither waits for the other. At least once: whoever is told drops what they know already.
 */
import type { Command } from "../core/commands.ts";
import { awaitsAnswer } from "../core/follow-up.ts";
import { limits } from "../core/limits.ts";
import { databaseNameOf } from "../db/database.ts";
import type { StoredLiveCode } from "./live-code-store.ts";
import {
  answerIn,
  markProjected,
  markPublished,
  owedOf,
  projectionOf,
  publicationOf,
  type Audience,
  type Owed,
} from "./outbox.ts";
import { isQuiet, rememberQuiet } from "./quiet-feeds.ts";
import { within } from "./within.ts";

/** The live code, as its tellers see it. */
export type Speaker = {
  readonly current: () => StoredLiveCode;
  /** Somebody was told: `mark` moves the document's marks, `news` is what they answered. */
  readonly told: (audience: Audience, mark: (stored: StoredLiveCode) => StoredLiveCode, news: Command | null) => void;
  /** An audience could not be told. */
  readonly refused: (audience: Audience) => void;
};
/** What is due now: everything owed, or only what is urgent. */
export type Due = (stored: StoredLiveCode) => Owed;

/** Tells until nothing is due or nobody takes any more. Never rejects. While it runs, calling it adds only what else is due, which is told right after. */
export function teller(env: Env, { current, told, refused }: Speaker): (due: Due) => Promise<void> {
  const project = async (due: Due): Promise<void> => {
    while (due(current()).readModel) {
      const sent = projectionOf(current());
      const name = databaseNameOf(sent.order.terms.merchant.id);
      const projector = env.PROJECTOR.getByName(name);
      const [answer] = await within(limits.projectionTimeoutMs, projector.project([sent]));
      const news = answerIn(sent, answer);
      // Asked again at once it would only stay silent again.
      if (news === null && awaitsAnswer(sent.order) && awaitsAnswer(current().order))
        throw new Error("the read model did not say what the conversion waits for");
      told("readModel", (stored) => markProjected(stored, sent), news);
    }
  };
  /** Whether somebody reads the log as it grows, as the feed last said. */
  let live = false;
  const publish = async (due: Due): Promise<void> => {
    while (due(current()).partners) {
      const { sequence, terms } = current().order;
      const merchantId = terms.merchant.id;
      const askedAt = Date.now();
      if (!isQuiet(merchantId, askedAt)) {
        const feed = env.MERCHANT_FEED.getByName(merchantId);
        const answer = await within(limits.publicationTimeoutMs, feed.publish(publicationOf(current())));
        rememberQuiet(merchantId, askedAt, answer.quietMs);
        ({ live } = answer);
      }
      told("partners", (stored) => markPublished(stored, sequence), null);
    }
  };
  const [tellReadModel, tellPartners] = [
    oneAtATime(project, () => refused("readModel")),
    oneAtATime(publish, () => refused("partners")),
  ];
  /** Whoever reads along waits for nothing to become urgent. Not being told costs them a moment: they look by themselves. */
  const tellReaders = async (): Promise<void> => {
    await tellReadModel(owedOf);
    const feed = env.MERCHANT_FEED.getByName(current().order.terms.merchant.id);
    await within(limits.publicationTimeoutMs, feed.logged()).catch(() => {});
  };
  return async (due) => {
    await Promise.all([tellReadModel(due), tellPartners(due)]);
    if (!live) return;
    live = false;
    await tellReaders();
  };
}

/** A failure is not news: the alarm tries again, whatever was wished for meanwhile. */
function oneAtATime(tell: (due: Due) => Promise<void>, refused: () => void): (due: Due) => Promise<void> {
  let running: Promise<void> | null = null;
  /** What comes to be wished for while one runs is gone through with it. */
  const wishes = new Set<Due>();
  const run = async (): Promise<void> => {
    try {
      for (const due of wishes) {
        wishes.delete(due);
        await tell(due);
      }
    } catch {
      wishes.clear();
      refused();
    } finally {
      running = null;
    }
  };
  return (due) => {
    wishes.add(due);
    return (running ??= run());
  };
}
