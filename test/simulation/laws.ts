/** What must be true of the whole shop. The laws of one order are the core's own (test/unit/core/laws.ts). */
import { orderId, type OrderKey } from "../../src/core/ids.ts";
import { feedEvent } from "../../src/core/events.ts";
import type { Order } from "../../src/core/order.ts";
import { effectsOf } from "../../src/core/work.ts";
import type { StoredLiveCode } from "../../src/durable/live-code-store.ts";
import { isDrained, owedOf, wakeAt } from "../../src/durable/outbox.ts";
import { brokenLaws as brokenOrderLaws, brokenStory } from "../unit/core/laws.ts";
import type { Platform, Simulated } from "./platform.ts";
import type { Seller, Shop } from "./shop.ts";
import { keyOf } from "./wallet.ts";

function textOf({ disk }: Simulated): string | null {
  if (disk.rows("SELECT 1 FROM sqlite_master WHERE name = 'live_code'").length === 0) return null;
  const [row] = disk.rows("SELECT body FROM live_code");
  return row ? String(row["body"]) : null;
}

const stored = (object: Simulated): StoredLiveCode | null => {
  const text = textOf(object);
  return text === null ? null : (JSON.parse(text) as StoredLiveCode);
};

/** Without reading the whole document, which most commits of mere marks are not worth. */
const versionIn = (text: string): string | undefined => /"version":(\d+)\},"events":/.exec(text)?.[1];

/** The laws of one order at every commit of it, and that whatever it still has to do has an alarm (I12). */
export function watchCommits(platform: Platform): readonly string[] {
  const broken: string[] = [];
  const known = new Map<string, Order>();
  platform.watch = (object) => {
    const text = object.namespace === "LIVE_CODE" ? textOf(object) : null;
    const before = known.get(object.name);
    if (text === null || versionIn(text) === String(before?.version)) return;
    const now = JSON.parse(text) as StoredLiveCode;
    // What was agreed is the same object to the core's laws; here it came through the disk.
    if (before && JSON.stringify(before.terms) !== JSON.stringify(now.order.terms)) broken.push(`${object.name}: I8`);
    const order = before ? rejoined(before, now.order) : now.order;
    known.set(object.name, order);
    const at = platform.clock.now;
    // One commit may hold several decisions' worth of scans and marks, but only one version.
    const laws = before ? brokenOrderLaws(before, order, at) : [];
    broken.push(...laws.map((law) => `${object.name}: ${law}`));
    if (wakeAt(now, at, { readModel: 0, partners: 0, outside: 0 }) !== null && object.disk.alarm === null)
      broken.push(`${object.name}: I12: work pending and no alarm`);
  };
  return broken;
}

/** Facts that did not change are the same objects again, as the core's laws compare them. */
const rejoined = (before: Order, after: Order): Order => ({
  ...after,
  terms: before.terms,
  paid: before.paid && JSON.stringify(before.paid) === JSON.stringify(after.paid) ? before.paid : after.paid,
  conversion:
    before.conversion &&
    after.conversion &&
    JSON.stringify(before.conversion.payer) === JSON.stringify(after.conversion.payer)
      ? { ...after.conversion, payer: before.conversion.payer }
      : after.conversion,
});

type Codes = ReadonlyMap<OrderKey, StoredLiveCode>;

const codesOf = ({ objects }: Platform): Codes =>
  new Map(
    [...objects.values()].flatMap((object): [OrderKey, StoredLiveCode][] => {
      const found = object.namespace === "LIVE_CODE" ? stored(object) : null;
      return found ? [[found.order.terms.key, found]] : [];
    }),
  );

export const ordersOf = (platform: Platform): readonly Order[] =>
  [...codesOf(platform).values()].map(({ order }) => order);

export function brokenLaws(shop: Shop, seller: Seller): { readonly broken: readonly string[]; readonly paid: number } {
  const codes = codesOf(shop.platform);
  const broken = [
    ...shop.orders.filter((key) => !codes.has(key)).map((key) => `${key}: a placed order is not there`),
    ...[...codes.values()].flatMap((code) => brokenAtRest(code)),
    ...brokenMoney(shop, seller, codes),
    ...brokenReadModel(shop, seller, codes),
    ...brokenStock(shop, seller, codes),
    ...brokenWebhooks(shop, seller, codes),
  ];
  return { broken, paid: [...codes.values()].filter(({ order }) => order.paid).length };
}

/** I1, I6, I12: each order told its story once, and has nothing left to do. */
function brokenAtRest({ order, events, ...marks }: StoredLiveCode): readonly string[] {
  const broken = [...brokenStory(order, events)];
  if (!isDrained(owedOf({ order, events, ...marks }))) broken.push("I12: something was never told");
  const left = effectsOf(order);
  if (left.length > 0) broken.push(`I12: left undone: ${left.map(({ kind }) => kind).join()}`);
  return broken.map((law) => `${order.terms.key}: ${law}`);
}

/** I2, I3, I9, I11: the wallet's books are ours. */
function brokenMoney(shop: Shop, { account }: Seller, codes: Codes): readonly string[] {
  const broken: string[] = [];
  const accounts = shop.platform.objects.get(`PAYMENT_ACCOUNT/${account}`);
  const kept = (accounts?.disk.rows("SELECT key FROM _kv WHERE substr(key, 1, 6) = 'heard:'") ?? []).map(({ key }) =>
    String(key).slice("heard:".length),
  );
  for (const { told, returned } of shop.wallet.taken) {
    const id = `SANDBOX:${told.transaction}`;
    const key = keyOf(told);
    const order = key && codes.get(key)?.order;
    const capture = order?.captures.find((one) => one.id === id);
    const places = Number(capture !== undefined) + Number(kept.includes(id));
    if (places !== 1) broken.push(`I9: ${id} of ${told.order} is in ${places} places`);
    if (!order || !capture) continue;
    if (capture.amount !== told.amount) broken.push(`I3: ${id} is ${capture.amount}, not ${told.amount}`);
    const gone = [...returned.values()].reduce((all, one) => all + one, 0);
    const known = order.refunds
      .filter((refund) => refund.capture === id && refund.state === "SUCCEEDED")
      .reduce((all, { amount }) => all + amount, 0);
    if (gone !== known) broken.push(`I3: of ${id} ${gone} went back, and ${known} is known`);
    if (gone > told.amount) broken.push(`I11: of ${id} more went back than came`);
  }
  for (const { told, made } of shop.wallet.acknowledged) {
    const key = keyOf(told);
    const order = key && codes.get(key)?.order;
    if (
      told.type === "payment.succeeded" &&
      made.outcome === "APPLIED" &&
      !order?.captures.some((c) => c.transaction === told.transaction)
    )
      broken.push(`I2: ${told.transaction} was acknowledged and is not there`);
    if (made.outcome === "UNMATCHED" && "transaction" in told && !kept.includes(`SANDBOX:${told.transaction}`))
      broken.push(`I2: ${told.transaction} was acknowledged as unmatched and is not kept`);
    if (made.outcome === "IGNORED" && !made.why) broken.push("I2: ignored without a reason");
  }
  for (const { order } of codes.values())
    for (const { id, transaction, provider } of order.captures)
      if (
        provider !== "MANUAL" &&
        !shop.wallet.taken.some(
          ({ told }) => told.transaction === transaction && told.order === orderId(order.terms.key),
        )
      )
        broken.push(`I3: nobody paid ${id}`);
  return broken;
}

/** I5: the read model is what the objects' events make it; a customer is created once. */
function brokenReadModel({ database }: Shop, { merchant }: Seller, codes: Codes): readonly string[] {
  const broken: string[] = [];
  const rows = new Map(
    database.disk
      .rows("SELECT id, version, doc FROM orders WHERE merchant_id = ?", merchant.id)
      .map((row) => [String(row["id"]), row]),
  );
  const log = database.disk
    .rows("SELECT events FROM event_log WHERE merchant_id = ? ORDER BY position", merchant.id)
    .flatMap(({ events }) => JSON.parse(String(events)) as { orderKey: string; id: string }[]);
  for (const [key, { order, events }] of codes) {
    if (withoutScans(String(rows.get(key)?.["doc"])) !== withoutScans(JSON.stringify(order)))
      broken.push(`I5: the row of ${key} is not the order`);
    const logged = log.filter(({ orderKey }) => orderKey === key);
    const told = events.map((event) => feedEvent(order.terms, event));
    if (JSON.stringify(logged) !== JSON.stringify(told)) broken.push(`I5: the log of ${key} is not its events`);
  }
  const customers = database.disk.rows("SELECT id, first_order FROM customers WHERE merchant_id = ?", merchant.id);
  const created = [...codes.values()].flatMap(({ order, events }) =>
    events.some(({ type }) => type === "CUSTOMER_CREATED")
      ? [`${order.conversion?.payer.customerId} ${order.terms.key}`]
      : [],
  );
  const expected = customers.map(({ id, first_order: first }) => `${String(id)} ${String(first)}`);
  if (created.toSorted().join() !== expected.toSorted().join()) broken.push("I1: customers were not created once each");
  for (const { order } of codes.values())
    if (order.conversion && !customers.some(({ id }) => id === order.conversion?.payer.customerId))
      broken.push(`I5: the customer of ${order.terms.key} is not there`);
  return broken;
}

/** Scans are counted, and the read model hears of them when there is something else to tell. */
const withoutScans = (doc: string): string => doc.replace(/"scans":\{[^}]*\}/, "");

/** I13: every piece is on the shelf, held by an order that may still need it, or sold. */
function brokenStock({ database }: Shop, { merchant, products }: Seller, codes: Codes): readonly string[] {
  const broken: string[] = [];
  const holds = database.disk.rows("SELECT order_key, lines FROM stock_holds WHERE merchant_id = ?", merchant.id);
  for (const { order_key: key } of holds) {
    const stock = codes.get(String(key) as OrderKey)?.order.stock;
    if (stock !== "HELD" && stock !== "RETAKING") broken.push(`I13: ${String(key)} is ${stock} and holds stock`);
  }
  const held = holds.flatMap(({ lines }) => JSON.parse(String(lines)) as { productId: string; quantity: number }[]);
  const sold = [...codes.values()].flatMap(({ order }) => (order.stock === "SOLD" ? order.terms.lines : []));
  const count = (lines: readonly { productId: string | null; quantity: number }[], id: string): number =>
    lines.filter(({ productId }) => productId === id).reduce((all, { quantity }) => all + quantity, 0);
  for (const { id, stock } of products) {
    if (stock === null) continue;
    const [row] = database.disk.rows("SELECT stock FROM products WHERE merchant_id = ? AND id = ?", merchant.id, id);
    const now = Number(row?.["stock"]);
    const all = now + count(held, id) + count(sold, id);
    if (now < 0 || all !== stock)
      broken.push(`I13: of ${stock} pieces ${now} + ${count(held, id)} held + ${count(sold, id)} sold`);
  }
  return broken;
}

/** I6: each endpoint heard each event, the same bytes under the same id, or shows it DEAD. */
function brokenWebhooks({ platform, partner }: Shop, { endpoints }: Seller, codes: Codes): readonly string[] {
  const broken = partner.contradictions.map((id) => `I6: ${id} was told in two ways`);
  const told = [...codes.values()].flatMap(({ order, events }) => events.map((event) => feedEvent(order.terms, event)));
  for (const [url, id] of endpoints) {
    const queue = platform.objects.get(`WEBHOOK_ENDPOINT/${id}`)?.disk.rows("SELECT id, state FROM deliveries") ?? [];
    const states = new Map(queue.map((row) => [String(row["id"]), String(row["state"])]));
    for (const event of told) {
      const heard = partner.heard.get(url)?.get(event.id);
      const state = states.get(event.id);
      if (heard === undefined && state !== "DEAD") broken.push(`I6: ${event.id} was never heard at ${url}: ${state}`);
      if (heard !== undefined && heard !== event.body) broken.push(`I6: ${event.id} was told otherwise`);
      if (state === "PENDING" || state === "RETRYING") broken.push(`I6: ${event.id} still waits at ${url}`);
    }
  }
  return broken;
}
