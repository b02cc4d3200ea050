/** Orders as their objects would tell of them, for tests of the read model. */
import type { Command } from "../../src/core/commands.ts";
import type { Payer } from "../../src/core/conversion.ts";
import { feedEvent, type FeedEvent } from "../../src/core/events.ts";
import { newOrder, type Order, type OrderTerms } from "../../src/core/order.ts";
import { decide } from "../../src/core/transitions.ts";
import { merchantIdFrom } from "../../src/db/database.ts";
import { project, type Projection } from "../../src/db/projection.ts";
import { someCapture } from "./terms.ts";

export const newMerchantId = (): string => merchantIdFrom(Date.now(), crypto.getRandomValues(new Uint8Array(10)), "00");

/** An order and everything that ever happened to it. */
export type Story = { readonly order: Order; readonly events: readonly FeedEvent[] };

export function after(story: Story, command: Command, now: number = Date.now()): Story {
  const decision = decide(story.order, command, now);
  if (!decision.ok) throw new Error(`refused: ${decision.refusal.reason}`);
  const events = decision.events.map((event) => feedEvent(decision.order.terms, event));
  return { order: decision.order, events: [...story.events, ...events] };
}

export const placed = (terms: OrderTerms): Story =>
  after({ order: newOrder(terms), events: [] }, { kind: "place" }, terms.placedAt);

export const paid = (story: Story, payer: Payer, now?: number): Story =>
  after(story, someCapture(story.order.terms, { payer, transaction: crypto.randomUUID() }), now);

/** What is told while it is not known whether the customer is new. */
export const question = ({ order }: Story): Projection => ({ order, events: [] });

/** As a live code does: asks whether the customer is new, lets the order know, and tells the whole. */
export async function tell(db: D1Database, story: Story): Promise<Story> {
  if (story.order.conversion?.firstTime !== null) {
    await project(db, [story]);
    return story;
  }
  const [answer] = await project(db, [question(story)]);
  const known = after(story, { kind: "customer", firstTime: answer?.firstTime ?? false });
  await project(db, [known]);
  return known;
}

/** The database, and how many rows were written through `batch` since it was last asked. */
export function counted(db: D1Database): { readonly db: D1Database; readonly rows: () => number } {
  let written = 0;
  const counting = {
    prepare: (sql: string) => db.prepare(sql),
    batch: async <T>(statements: D1PreparedStatement[]) => {
      const results = await db.batch<T>(statements);
      written += results.reduce((all, { meta }) => all + meta.rows_written, 0);
      return results;
    },
  };
  const rows = () => {
    const since = written;
    written = 0;
    return since;
  };
  return { db: counting as D1Database, rows };
}
