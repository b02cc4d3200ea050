/** What a customer said with one order, told to their other orders that wait for it. */
import type { Command } from "../core/commands.ts";
import type { ConversionWork } from "../core/conversion-work.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { ordersWaitingForConsent } from "../db/customers.ts";
import { database } from "../db/database.ts";

/** Some of the customer's orders at a time, each of which hears of it as often as it is told. */
export async function tellOrders(
  env: Env,
  { terms, conversion }: Order,
  { word, after }: Extract<ConversionWork, { kind: "SPREAD" }>,
): Promise<Command> {
  const { id } = terms.merchant;
  const customerId = conversion?.payer.customerId ?? "";
  const db = database(env, id);
  const places = await ordersWaitingForConsent(db, id, customerId, after, limits.ordersToldAtOnce);
  await Promise.all(places.map(({ key }) => env.LIVE_CODE.getByName(key).apply({ kind: "agreed", words: [word] }, id)));
  return { kind: "spread", word, after: places.at(-1) ?? null };
}
