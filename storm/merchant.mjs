// What a merchant and their clerk do with an order: each knows only what a merchant can know, and asks again under the same key.
import { decimal } from "./shops.mjs";

/**
 * @typedef {import("./lives.mjs").Tale} Tale
 * @typedef {import("./lives.mjs").Scene} Scene
 * @typedef {import("./lives.mjs").Placed} Placed
 */

/** Once, or twice at the same time. @template T @param {Pick<import("./plan.mjs").PlannedOrder, "twice">} plan @param {() => Promise<T>} ask */
const asked = ({ twice }, ask) => Promise.all(twice ? [ask(), ask()] : [ask()]);

/** @param {number} index */
export const referenceOf = (index) => `storm-${index}`;

/** @param {Tale} tale @param {Scene} scene @returns {Promise<Placed | "SOLD_OUT">} */
export async function place(tale, { client, seed }) {
  const { plan, shop, faults } = tale;
  const { index, stocked, quantity, price, lifetimeSeconds } = plan;
  const { currency } = shop.policy;
  const line = stocked
    ? { productId: shop.productId, quantity }
    : { name: "Tea", quantity, unitPrice: { amount: decimal(price, shop.policy), currency } };
  const answers = await asked(plan, () =>
    client.graph(
      shop.apiKey,
      `mutation ($input: OrderPlaceInput!, $key: String!) { orderPlace(input: $input) @idempotent(key: $key) {
        ... on OrderPlaceSuccess { order { id total { minorUnits currency } } liveCode { slug } }
        ... on UserError { code message } } }`,
      { input: { lines: [line], externalReference: referenceOf(index), lifetimeSeconds }, key: `${seed}-${index}` },
    ),
  );
  const [first, ...others] = answers.map(({ orderPlace }) => {
    if (orderPlace.code === "OUT_OF_STOCK") return /** @type {const} */ ("SOLD_OUT");
    if (orderPlace.code) throw new Error(`placing was refused: ${orderPlace.code} ${orderPlace.message}`);
    const { order, liveCode } = orderPlace;
    return { id: order.id, slug: liveCode.slug, total: order.total.minorUnits, currency: order.total.currency };
  });
  if (first === undefined) throw new Error("nothing was asked");
  for (const other of others)
    if (JSON.stringify(other) !== JSON.stringify(first))
      faults.push(`one idempotency key was answered ${JSON.stringify(first)} and ${JSON.stringify(other)}`);
  return first;
}

/** All of it, from hand to hand. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
export async function takeCash(tale, { id, total, currency }, { client, seed }) {
  const { plan, shop } = tale;
  const amount = { amount: decimal(total, shop.policy), currency };
  const answers = await asked(plan, () =>
    client.graph(
      shop.apiKey,
      `mutation ($input: PaymentRecordInput!, $key: String!) { paymentRecord(input: $input) @idempotent(key: $key) {
        __typename ... on UserError { code message } } }`,
      {
        input: { orderId: id, amount, reference: `till-${plan.index}`, payer: { loyalty: plan.person } },
        key: `${seed}-${plan.index}-cash`,
      },
    ),
  );
  // A phone was faster: nobody hands over cash for what is paid.
  if (answers.some(({ paymentRecord }) => paymentRecord.__typename === "PaymentRecordSuccess")) tale.cash = total;
}

/** The provider names an order that is nobody's. The clerk finds the money, and gives it to the right one or back. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
export async function placeStray(tale, { id, total, currency }, { client, payer, seed }) {
  const { plan, shop } = tale;
  // Another seed's money must not be taken for this one's.
  const transaction = `stray-${seed}-${plan.index}-${id.slice(-6)}`;
  const orderId = `order_${"0".repeat(16)}`;
  const status = await payer.tell(shop, {
    orderId,
    payment: null,
    transaction,
    amount: total,
    currency,
    paidAt: new Date().toISOString(),
  });
  // Without the pretend wallet nobody tells of money that was not asked for.
  if (status === 0) return;
  if (status !== 200) tale.faults.push(`money for an order that nobody knows was answered ${status}`);
  tale.stray = { transaction, end: "WAITING" };
  if (plan.clerk === null) return;
  const { viewer } = await client.graph(
    shop.apiKey,
    `{ viewer { merchant { unmatchedPayments(first: 100) { nodes { id transaction } } } } }`,
  );
  const found = viewer.merchant.unmatchedPayments.nodes.find(
    (/** @type {{ transaction: string }} */ one) => one.transaction === transaction,
  );
  if (!found) return void tale.faults.push(`${transaction} was answered 200, and is not among the unmatched payments`);
  const [name, input] =
    plan.clerk === "HONOR"
      ? ["Assign", { unmatchedPaymentId: found.id, orderId: id }]
      : ["Refund", { unmatchedPaymentId: found.id }];
  await asked(plan, () =>
    client.graph(
      shop.apiKey,
      `mutation ($input: UnmatchedPayment${name}Input!) { unmatchedPayment${name}(input: $input) { __typename ... on UserError { code message } } }`,
      { input },
    ),
  );
  tale.stray.end = plan.clerk === "HONOR" ? "ASSIGNED" : "REFUNDED";
}

/** @param {Tale} tale @param {Placed} placed @param {Scene} scene */
export async function cancel({ shop }, { id }, { client }) {
  await client.graph(
    shop.apiKey,
    `mutation ($input: OrderCancelInput!) { orderCancel(input: $input) { __typename ... on UserError { code message } } }`,
    { input: { orderId: id, reason: "changed my mind" } },
  );
}

/** Again after an answer that was lost, it finds the order extended already. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
export async function extend({ shop }, { id }, { client }) {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  await client.graph(
    shop.apiKey,
    `mutation ($input: OrderExtendInput!) { orderExtend(input: $input) { __typename ... on UserError { code message } } }`,
    { input: { orderId: id, expiresAt } },
  );
}

/** A third of the total each, or all that is left; asked for twice, for whoever waits presses again. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
export async function refund({ plan, shop, seenPaid }, { id, total, currency }, { client, seed }) {
  if (!seenPaid) return;
  for (const [number, refunded] of plan.refunds.entries()) {
    const amount = refunded === "ALL" ? null : { amount: decimal(Math.floor(total / 3), shop.policy), currency };
    await asked({ twice: true }, () =>
      client.graph(
        shop.apiKey,
        `mutation ($input: OrderRefundInput!, $key: String!) { orderRefund(input: $input) @idempotent(key: $key) { __typename ... on UserError { code message } } }`,
        { input: { orderId: id, amount, reason: "not to their taste" }, key: `${seed}-${plan.index}-refund-${number}` },
      ),
    );
  }
}

/** A clerk looks whether somebody is needed. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
export async function review(tale, { id }, { client }) {
  const { plan, shop } = tale;
  if (plan.clerk === null) return;
  const { order } = await client.graph(shop.apiKey, `query ($id: ID!) { order(by: { id: $id }) { allowedActions } }`, {
    id,
  });
  if (!order.allowedActions.includes("RESOLVE_REVIEW")) return;
  if (plan.clerk === "HONOR") tale.honoured = true;
  await client.graph(
    shop.apiKey,
    `mutation ($input: OrderReviewResolveInput!) { orderReviewResolve(input: $input) { __typename ... on UserError { code message } } }`,
    { input: { orderId: id, decision: plan.clerk, note: "decided in a storm" } },
  );
}
