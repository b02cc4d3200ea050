/** What cannot be meant, at every door that is about money: a typed refusal, and nothing is other than it was. */
import { evictAllDurableObjects } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { orderKeyOf, type OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import {
  ask,
  at,
  cny,
  openShop,
  placed,
  recorded,
  sell,
  tell as askGraph,
  textAt,
  type Json,
  type Shop,
} from "./graph-shop.ts";
import { accountObject, liveCode, notice, origin, post, signature, tell, visit } from "./payment-scene.ts";

const megabyte = "x".repeat(1_000_000);
const control = "till\u0000one";
/** No amount of money, though some languages would read one in it. */
const noAmounts: readonly unknown[] = (
  "-1.00|-0.01|+1.00|1e3|1E3|NaN|Infinity|-Infinity|0x10|1_000|1,50|1.999|.5|5.|| | 1.00|1.00 |１.００|١.٠٠|1.00\u0000|null|true|[1]|99999999999999999|" +
  "9".repeat(400)
)
  .split("|")
  .map((text): unknown => text)
  .concat([null, true, [], {}, ["1.00", "2.00"]]);
const noMoney: readonly unknown[] = ["19.90", 19.9, [], {}, true]
  .map((value): unknown => value)
  .concat(
    noAmounts.map((amount) => ({ amount, currency: "CNY" })),
    ["XXX", "cny", "", "C", null, 156, [], {}].map((currency) => ({ amount: "19.90", currency })),
  );
const noInstants: readonly unknown[] = [
  "yesterday",
  "",
  "2031-02-30T00:00:00Z",
  "2031-05-01",
  1_900_000_000,
  -1,
  true,
  [],
  {},
];
const noTexts: readonly unknown[] = [1, true, [], {}, ["a"]];

type Scene = {
  readonly shop: Shop;
  readonly open: string;
  readonly paid: string;
  readonly slug: string;
  readonly wallet: string;
  readonly theirs: string;
  readonly lost: string;
  readonly cookie: string;
  readonly nonce: string;
};
let scene: Scene;
const keyOf = (order: string): OrderKey => {
  const key = orderKeyOf(order);
  if (!key) throw new Error("an order has a key");
  return key;
};
const form = { origin, "content-type": "application/x-www-form-urlencoded" };

beforeAll(async () => {
  const [shop, other] = [await openShop(), await openShop()];
  const productId = await sell(shop.key, { sku: "tea", stock: 5 });
  const { order, liveCode: code } = await placed(shop.key, { lines: [{ productId, quantity: 1 }] });
  const slug = textAt(code, "slug");
  const page = await visit(`/c/${slug}`, { headers: { "user-agent": "Mozilla/5.0 (iPhone) Mobile/15E148" } });
  const cookie = page.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const nonce = /name="nonce"[^>]*value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
  const paying = await visit(`/c/${slug}/pay`, {
    method: "POST",
    headers: { ...form, cookie },
    body: new URLSearchParams({ nonce, provider: "SANDBOX" }),
  });
  const paid = textAt(await placed(shop.key), "order.id");
  await recorded(shop.key, { orderId: paid });
  await tell(
    shop.account,
    notice(
      { key: keyOf(paid), total: 1990, currency: "CNY" as never },
      { order: null, payment: null, transaction: "LOST" },
    ),
  );
  const [lost] = await accountObject(shop.accountId).unmatched();
  const theirs = textAt(await placed(other.key), "order.id");
  scene = {
    shop,
    open: textAt(order, "id"),
    paid,
    slug,
    wallet: paying.headers.get("location") ?? "",
    theirs,
    lost: lost?.id ?? "",
    cookie,
    nonce,
  };
  if (!scene.wallet.startsWith("/sandbox/wallet/payment_")) throw new Error("nobody is at the wallet");
  await liveCode(keyOf(scene.open)).look();
});

/** Everything that any of these doors could have changed. */
async function world(): Promise<unknown> {
  await evictAllDurableObjects();
  const { shop, open, paid, theirs } = scene;
  const orders = await Promise.all([open, paid, theirs].map((id) => liveCode(keyOf(id)).look()));
  const { viewer } = await ask(
    shop.key,
    `{ viewer { merchant { name policy { codeLifetimeSeconds latePayment overPayment underPayment } products { nodes { stock price { amount } } } orders { totalCount } unmatchedPayments { nodes { id state } } } } }`,
  );
  // Claims are renewed and conversions learn whether the customer is new: neither is anybody's input.
  return [
    orders.map(
      (order) =>
        order && { ...order, version: 0, sequence: 0, claim: null, conversion: order.conversion?.state, scans: 0 },
    ),
    viewer,
  ];
}

/** By a type of the result or a code of an error; never a success, never a fault of ours. */
async function refusal(mutation: string, input: unknown, headers: Record<string, string> = {}): Promise<string> {
  const type = mutation.charAt(0).toUpperCase() + mutation.slice(1);
  const { data, errors } = await askGraph(
    scene.shop.key,
    `mutation ($input: ${type}Input!) { ${mutation}(input: $input) { __typename } }`,
    { input },
    headers,
  );
  return errors[0]?.extensions.code ?? textAt(data, `${mutation}.__typename`);
}
const typed = [
  "ValidationError",
  "NotFoundError",
  "OrderStateError",
  "AmountMismatchError",
  "IdempotencyError",
  "OutOfStockError",
  "BAD_USER_INPUT",
];

describe("the graph", () => {
  /** Every input differs from one that would do in one field only. */
  const table = (): readonly (readonly [mutation: string, good: Json, field: string, bad: readonly unknown[]])[] => {
    const { open, paid, theirs, lost } = scene;
    const noOrders = [
      theirs,
      "",
      "order_",
      "order_0000000000000000",
      open.replace("order_", "payment_"),
      open.toLowerCase(),
      `${open}0`,
      megabyte.slice(0, 50_000),
      "order_'; DROP TABLE orders;--",
      0,
      null,
      [],
      {},
    ];
    const record = { orderId: open, amount: cny("19.90"), reference: "till" };
    const line = { name: "Tea", unitPrice: cny("19.90"), quantity: 1 };
    return [
      [
        "paymentRecord",
        record,
        "amount",
        [...noMoney, null, cny("0.00"), cny("0.01"), cny("19.91"), { amount: "19.90", currency: "USD" }],
      ],
      ["paymentRecord", record, "orderId", noOrders],
      [
        "paymentRecord",
        record,
        "reference",
        [...noTexts, "", " ", control, "x".repeat(limits.referenceLengthMax + 1), null],
      ],
      ["paymentRecord", record, "paidAt", [...noInstants, "2999-01-01T00:00:00Z"]],
      [
        "paymentRecord",
        record,
        "payer",
        [
          1,
          true,
          [],
          ["a"],
          { phone: "NaN" },
          { email: "@" },
          { loyalty: control },
          { name: "x".repeat(limits.nameLengthMax + 1) },
        ],
      ],
      [
        "orderRefund",
        { orderId: paid },
        "amount",
        [...noMoney, cny("0.00"), cny("19.91"), { amount: "1.00", currency: "USD" }],
      ],
      ["orderRefund", { orderId: paid }, "orderId", [...noOrders, open]],
      ["orderRefund", { orderId: paid }, "reason", [...noTexts, control, "x".repeat(limits.reasonLengthMax + 1)]],
      ["orderRefund", { orderId: paid }, "restock", ["true", 1, []]],
      [
        "orderExtend",
        { orderId: open, expiresAt: new Date(Date.now() + 5 * 3_600_000).toISOString() },
        "orderId",
        [...noOrders, paid],
      ],
      [
        "orderExtend",
        { orderId: open },
        "expiresAt",
        [...noInstants, null, "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", new Date().toISOString()],
      ],
      ["orderCancel", {}, "orderId", [...noOrders, paid]],
      ["orderCancel", { orderId: paid }, "reason", noTexts],
      ["orderReviewResolve", { decision: "REFUND", note: "x" }, "orderId", [...noOrders, open, paid]],
      ["orderReviewResolve", { orderId: paid, note: "x" }, "decision", ["refund", "", "KEEP", 1, null, []]],
      [
        "orderPlace",
        {},
        "lines",
        [
          [],
          null,
          {},
          "tea",
          ...noMoney.map((unitPrice) => [{ ...line, unitPrice }]),
          ...[0, -1, 1.5, 10_001, 2 ** 31, 2 ** 53, "1e9", "NaN", true].map((quantity) => [{ ...line, quantity }]),
        ],
      ],
      [
        "orderPlace",
        { lines: [line] },
        "discount",
        [...noMoney.filter((money) => money !== null), cny("19.90"), cny("20.00")],
      ],
      ["orderPlace", { lines: [line] }, "lifetimeSeconds", [0, -1, 59, 1.5, 2_592_001, 2 ** 31, "60", "NaN"]],
      [
        "merchantUpdate",
        {},
        "policy",
        [
          [],
          "HONOR",
          { latePayment: "honor" },
          { overPayment: 1 },
          { underPayment: "KEEP" },
          ...[0, -1, 1.5, 2 ** 31, "NaN"].map((codeLifetimeSeconds) => ({ codeLifetimeSeconds })),
        ],
      ],
      ["unmatchedPaymentAssign", { unmatchedPaymentId: lost }, "orderId", noOrders],
      [
        "unmatchedPaymentAssign",
        { orderId: open },
        "unmatchedPaymentId",
        ["", "unmatched_", `${lost}0`, lost.toLowerCase(), lost.slice(0, -1), open, 0, null, [], {}],
      ],
      [
        "unmatchedPaymentRefund",
        {},
        "unmatchedPaymentId",
        ["", "unmatched_", `${lost}0`, lost.toLowerCase(), lost.slice(0, -1), open, 0, null, [], {}],
      ],
    ];
  };

  it("refuses it by name, field by field", async () => {
    const before = await world();
    const seen = new Set<string>();
    for (const [mutation, good, field, bad] of table())
      for (const value of bad) {
        const told = await refusal(mutation, { ...good, [field]: value });
        expect([mutation, field, JSON.stringify(value)?.slice(0, 80), typed.includes(told) ? "refused" : told]).toEqual(
          [mutation, field, JSON.stringify(value)?.slice(0, 80), "refused"],
        );
        seen.add(told);
      }
    expect([...seen].toSorted()).toEqual([
      "AmountMismatchError",
      "BAD_USER_INPUT",
      "NotFoundError",
      "OrderStateError",
      "ValidationError",
    ]);
    expect(await world()).toEqual(before);
  }, 180_000);

  it("refuses what is no idempotency key, and a whole megabyte, before it does anything", async () => {
    const before = await world();
    const input = { orderId: scene.paid, amount: cny("1.00") };
    for (const key of ["x".repeat(limits.idempotencyKeyLengthMax + 1)])
      expect(await refusal("orderRefund", input, { "idempotency-key": key })).toBe("BAD_REQUEST");
    for (const large of [{ ...input, reason: megabyte }, { orderId: megabyte }]) {
      const body = JSON.stringify({
        query: "mutation ($input: OrderRefundInput!) { orderRefund(input: $input) { __typename } }",
        variables: { input: large },
      });
      const headers = { "content-type": "application/json", authorization: `Bearer ${scene.shop.key}` };
      for (const sent of [body, new Blob([body]).stream()]) {
        const answer = await visit("/graphql", { method: "POST", headers, body: sent });
        expect(answer.status).toBe(413);
        expect(at(await answer.json(), "errors.0.extensions.code")).toBeTypeOf("string");
      }
    }
    expect(await world()).toEqual(before);
  });
});

describe("a phone's form", () => {
  it("that is not this browser's, not whole, or not of a form's size changes nothing", async () => {
    const before = await world();
    const { slug, cookie, nonce } = scene;
    const send = async (
      fields: Record<string, string> | string,
      headers: Record<string, string> = {},
      path = `/c/${slug}/pay`,
    ) => {
      const body = typeof fields === "string" ? fields : new URLSearchParams(fields);
      const answer = await visit(path, { method: "POST", headers: { ...form, cookie, ...headers }, body });
      return `${answer.status} ${(answer.headers.get("location") ?? "").replace(`/c/${slug}`, "")}`.trim();
    };
    const good = { nonce, provider: "SANDBOX" };
    const rows: readonly (readonly [string, Promise<string>])[] = [
      ["303 ?reason=stale", send({ ...good, nonce: "" })],
      ["303 ?reason=stale", send({ ...good, nonce: nonce.toLowerCase() })],
      ["303 ?reason=stale", send({ ...good, nonce: `${nonce}0` })],
      ["303 ?reason=stale", send(good, { cookie: "" })],
      ["303 ?reason=stale", send(good, { cookie: "huoma=00000000000000000000000000" })],
      ["303 ?reason=stale", send(good, { "sec-fetch-site": "cross-site" })],
      ["303 ?reason=provider", send({ ...good, provider: "" })],
      ["303 ?reason=provider", send({ ...good, provider: "sandbox" })],
      ["303 ?reason=provider", send({ ...good, provider: "MANUAL" })],
      ["303 ?reason=provider", send({ ...good, provider: "STRIPE" })],
      ["303 ?reason=form", send(JSON.stringify(good), { "content-type": "application/json" })],
      ["303 ?reason=form", send("--x", { "content-type": "multipart/form-data; boundary=y" })],
      ["413", send({ ...good, name: megabyte })],
      ["404", send(good, {}, `/c/${slug.slice(0, -1)}${slug.endsWith("0") ? "1" : "0"}/pay`)],
      ["404", send(good, {}, `/c/${slug.toLowerCase()}/pay`)],
      ["404", send(good, {}, `/c/${megabyte.slice(0, 5_000)}/pay`)],
    ];
    for (const [expected, sent] of rows) expect(await sent).toBe(expected);
    expect(await world()).toEqual(before);
  });
});

describe("a provider's door", () => {
  it("takes no money that cannot be, though it is signed, and nothing that is not", async () => {
    const before = await world();
    const { account } = scene.shop;
    const whole = notice(
      { key: keyOf(scene.open), total: 1990, currency: "CNY" as never },
      { payment: null, transaction: "BAD" },
    );
    const bodies: readonly unknown[] = [
      ...[-1, -1990, 0.5, 19.9, 1e300, 2 ** 53, limits.amountMinorMax + 1, "1990", "NaN", null, true, [], {}].map(
        (amount) => ({ ...whole, amount }),
      ),
      ...["XXX", "cny", "", 156, null, []].map((currency) => ({ ...whole, currency })),
      ...noInstants.map((paidAt) => ({ ...whole, paidAt })),
      ...["", 1, null, [], megabyte.slice(0, 201)].map((transaction) => ({ ...whole, transaction })),
      ...[7, [], {}, megabyte.slice(0, 201)].map((order) => ({ ...whole, order })),
      ...["payment.paid", "", 1, null].map((type) => ({ ...whole, type })),
      ...["", 1, null, {}].map((refund) => ({ ...whole, type: "refund.succeeded", refund })),
      JSON.stringify(whole).replace(":1990", ":1e400"),
      JSON.stringify(whole).replace(":1990", ":NaN"),
      JSON.stringify(whole).slice(0, -1),
      "[]",
      "",
    ];
    for (const body of bodies) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      expect([text.slice(0, 200), (await tell(account, text)).status]).toEqual([text.slice(0, 200), 400]);
    }
    // No money came: understood, and of no consequence.
    expect((await tell(account, { ...whole, amount: 0 })).status).toBe(200);
    const large = JSON.stringify({ ...whole, extra: megabyte });
    expect((await tell(account, large)).status).toBe(413);
    expect((await post(account, new Blob([large]).stream(), signature(account.secret, large))).status).toBe(413);
    const text = JSON.stringify(whole);
    for (const header of [null, "", signature("another secret", text), signature(account.secret, `${text} `)])
      expect((await post(account, text, header)).status).toBe(401);
    for (const id of ["", "account_", scene.paid, `${account.id}0`, account.id.toLowerCase(), megabyte.slice(0, 5_000)])
      expect((await post({ id }, text, signature(account.secret, text))).status).toBe(404);
    expect(await world()).toEqual(before);

    // Another merchant's order is none: the money is kept for a person of this one.
    const foreign = { ...whole, order: scene.theirs, transaction: "THEIRS" };
    expect((await tell(account, foreign)).status).toBe(200);
    const after = await accountObject(account.id).unmatched();
    expect(after).toMatchObject([{ transaction: "THEIRS", order: null }, { transaction: "LOST" }]);
    expect((await liveCode(keyOf(scene.theirs)).look())?.captures).toEqual([]);
  });
});

describe("the wallet's page", () => {
  it("takes nothing that is no payment", async () => {
    const before = await world();
    const send = async (fields: Record<string, string> | string, path = scene.wallet, headers = {}): Promise<number> =>
      (
        await visit(path, {
          method: "POST",
          headers: { ...form, ...headers },
          body: typeof fields === "string" ? fields : new URLSearchParams(fields),
        })
      ).status;
    const amounts = noAmounts.filter((amount): amount is string => typeof amount === "string" && amount !== "");
    for (const amount of [...amounts, "0", "0.00", "-0"])
      expect([amount, await send({ outcome: "pay", amount })]).toEqual([amount, 400]);
    for (const [field, values] of [
      ["outcome", ["", "PAY", "steal", "pay pay"]],
      ["notifications", ["-1", "101", "1.5", "NaN", "1e1"]],
      ["delaySeconds", ["-1", "86401", "0.5", "NaN"]],
      ["paidAt", ["yesterday", "2031-02-30T00:00:00Z", "-1", "NaN"]],
      ["payer", ["x".repeat(limits.referenceLengthMax + 1)]],
    ] as const)
      for (const value of values)
        expect([field, value, await send({ outcome: "pay", [field]: value })]).toEqual([field, value, 400]);
    expect(await send({ outcome: "pay", name: megabyte })).toBe(413);
    expect(await send(JSON.stringify({ outcome: "pay" }), scene.wallet, { "content-type": "application/json" })).toBe(
      400,
    );
    for (const path of ["payment_", `payment_${keyOf(scene.paid)}0001`, scene.open, "..%2f", megabyte.slice(0, 5_000)])
      expect(await send({ outcome: "pay" }, `/sandbox/wallet/${path}`)).toBe(404);
    expect(await world()).toEqual(before);
  });
});
