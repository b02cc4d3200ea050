/** A GraphQL selection on Order instead of `data`: judged when it is saved, asked once, and sent the same ever after. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ask, at, cny, keyWith, openShop, placed, recorded, textAt, type Json, type Shop } from "./graph-shop.ts";
import { listen, partner, ring, rpc, settled, stopListening, until, verified } from "./partner.ts";

beforeEach(listen);
afterEach(stopListening);

const create = async (key: string, selection: string, input: Json = {}): Promise<Json> =>
  at(
    await ask(
      key,
      `mutation ($input: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $input) {
        ... on WebhookEndpointCreateSuccess { webhookEndpoint { id selection } secret } ... on UserError { code message } } }`,
      {
        input: {
          url: "https://partner.example/hook",
          types: ["ORDER_PAID", "CONVERSION_COMMITTED"],
          selection,
          ...input,
        },
      },
    ),
    "webhookEndpointCreate",
  ) as Json;
const pay = async ({ key }: Shop) => {
  const { order } = await placed(key, { lines: [{ name: "Tea", unitPrice: cny("19.90") }] });
  await recorded(key, { orderId: order["id"], payer: { email: "li@lei.example", name: "Li Lei" } });
  return order;
};
const bodies = () => partner.heard.map(({ body }) => JSON.parse(body) as { type: string; data: Json });

describe("a selection", () => {
  it("replaces what an event says of its order, keeps what orders events, and is signed like everything", async () => {
    const shop = await openShop();
    const made = await create(
      shop.key,
      "number paid: state lines { name total { amount } } customer { displayName } liveCode { url }",
    );
    expect(at(made, "webhookEndpoint.selection")).toBe(
      "{ number paid: state lines { name total { amount } } customer { displayName } liveCode { url } }",
    );
    const order = await pay(shop);
    await until(() => partner.heard.length === 2);
    await settled(textAt(made, "webhookEndpoint.id"));
    const told = {
      number: order["number"],
      paid: "PAID",
      lines: [{ name: "Tea", total: { amount: "19.90" } }],
      customer: { displayName: "Li Lei" },
      orderId: order["id"],
    };
    expect(bodies()).toMatchObject([
      { type: "order.paid", data: { ...told, sequence: 2 } },
      { type: "conversion.committed", data: { ...told, sequence: 3 } },
    ]);
    expect(Object.keys(bodies()[0]!.data).toSorted()).toEqual(
      ["customer", "lines", "liveCode", "number", "orderId", "paid", "sequence"].toSorted(),
    );
    expect(textAt(bodies()[0]!.data, "liveCode.url")).toMatch(/^https:\/\/pay\.example\/c\/[0-9A-Z]{24}$/);
    for (const heard of partner.heard) verified(textAt(made, "secret"), heard);
  });

  it("is asked once: every later attempt sends the same bytes, whatever became of the order meanwhile", async () => {
    const shop = await openShop();
    const id = textAt(
      await create(shop.key, "{ refunded { amount } version }", { types: ["ORDER_PAID"] }),
      "webhookEndpoint.id",
    );
    partner.answer = () => new Response(null, { status: 500 });
    const order = await pay(shop);
    await until(() => partner.heard.length === 1);
    await settled(id);
    await ask(shop.key, `mutation ($input: OrderRefundInput!) { orderRefund(input: $input) { __typename } }`, {
      input: { orderId: order["id"], amount: cny("5.00") },
    });
    partner.answer = () => new Response();
    await ring(id);
    await settled(id);
    const [delivery] = await rpc(id).deliveries(1, null);
    await rpc(id).retry(delivery!.id);
    await settled(id);
    expect(partner.heard).toHaveLength(3);
    expect(new Set(partner.heard.map(({ body }) => body)).size).toBe(1);
    expect((await settled(id))[0]!.event.body).toBe(partner.heard[0]!.body);
  });

  it("that cannot be answered just now is tried again on schedule, says why, and does not count against the partner", async () => {
    const shop = await openShop();
    const id = textAt(
      await create(shop.key, "{ customer { ordersPaid } }", { types: ["ORDER_PAID"] }),
      "webhookEndpoint.id",
    );
    const { order: placedBefore } = await placed(shop.key, { lines: [{ name: "Tea", unitPrice: cny("19.90") }] });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { prepare } = env.DB;
    const away = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      if (/customer/i.test(sql)) throw new Error("the database is away");
      return prepare.call(env.DB, sql);
    });
    const paying = `mutation ($input: PaymentRecordInput!) { paymentRecord(input: $input) { __typename } }`;
    const order = { orderId: placedBefore["id"], amount: cny("19.90"), reference: "till 1" };
    await ask(shop.key, paying, { input: order });
    await until(async () => (await rpc(id).deliveries(1, null))[0]?.state === "RETRYING");
    away.mockRestore();
    silent.mockRestore();
    expect((await rpc(id).deliveries(1, null))[0]!.attempts).toMatchObject([
      { status: null, error: "selection: unexpected error" },
    ]);
    expect(partner.heard).toEqual([]);
    await ring(id);
    await settled(id);
    expect(bodies()).toMatchObject([{ data: { customer: { ordersPaid: expect.any(Number) as number } } }]);
  });

  it("is refused when it is none, asks for what is not there, costs too much, or asks for more than the key may see", async () => {
    const { key } = await openShop();
    const why = async (selection: string, by = key) => {
      const { code, message } = await create(by, selection);
      expect([selection, code]).toEqual([selection, "VALIDATION"]);
      return message;
    };
    for (const none of [
      "{",
      "{ id } }",
      "{ id } fragment B on Order { id }",
      "{ id } query Evil { viewer { scopes } }",
      "}",
      "{}",
    ])
      expect(await why(none)).toContain("must be one selection on Order");
    expect(await why("{ nothing }")).toContain('Cannot query field "nothing" on type "Order".');
    expect(await why("{ number(first: $n) }")).toContain("is not defined");
    expect(await why("{ ...Selection }")).toContain("Cannot spread fragment");
    expect(await why("{ merchant { orders(first: 100) { nodes { timeline { id data } } } } }")).toMatch(
      /costs \d+ points, more than the 500 allowed/,
    );
    expect(await why(`{ ${"number ".repeat(600)} }`)).toContain("at most 4000 characters");
    const weak = await keyWith(key, "WEBHOOKS_WRITE");
    expect(await why("{ number }", weak.text)).toContain("needs a key with ORDERS_READ");
    const weaker = await keyWith(key, "WEBHOOKS_WRITE", "ORDERS_READ");
    expect(await why("{ merchant { customers(first: 1) { nodes { id } } } }", weaker.text)).toContain("CUSTOMERS_READ");
    for (const list of ["customers", "orders", "events"])
      expect(
        await why(`{ customer { orders(first: 1) { nodes { merchant { ${list}(first: 1) { nodes { id } } } } } } }`),
      ).toContain("must stay with its order");
    for (const other of ["orders(first: 1) { nodes { number } }", "firstConversion { actions { detail } }"])
      expect(await why(`{ customer { ${other} } }`)).toContain("must stay with its order");
  });

  it("shows no more of a person than the key that saved it may see", async () => {
    const shop = await openShop();
    const weak = await keyWith(shop.key, "WEBHOOKS_WRITE", "ORDERS_READ");
    const selection = "{ customer { identities { value } } }";
    await create(weak.text, selection, { types: ["ORDER_PAID"], url: "https://weak.example/" });
    await create(shop.key, selection, { types: ["ORDER_PAID"], url: "https://strong.example/" });
    await pay(shop);
    await until(() => partner.heard.length === 2);
    const told = (url: string) => partner.heard.find((heard) => heard.url === url)!.body;
    expect(told("https://strong.example/")).toContain("li@lei.example");
    expect(told("https://weak.example/")).toContain("identities");
    expect(told("https://weak.example/")).not.toContain("li@lei.example");
  });

  it("takes what it shows nowhere and to nobody that the key that saved it did not choose", async () => {
    const shop = await openShop();
    const weak = await keyWith(shop.key, "WEBHOOKS_WRITE", "ORDERS_READ");
    const url = "https://strong.example/";
    const made = await create(shop.key, "{ emailId: customer { identities { value } } }", {
      types: ["ORDER_PAID"],
      url,
    });
    const id = textAt(made, "webhookEndpoint.id");
    const order = await pay(shop);
    await until(() => partner.heard.length === 1);
    await settled(id);

    const update = async (key: string, input: Json) =>
      at(
        await ask(
          key,
          `mutation ($input: WebhookEndpointUpdateInput!) { webhookEndpointUpdate(input: $input) {
            ... on WebhookEndpointUpdateSuccess { webhookEndpoint { url } } ... on ValidationError { code issues { path message } } } }`,
          { input: { webhookEndpointId: id, ...input } },
        ),
        "webhookEndpointUpdate",
      ) as Json;
    const elsewhere = { url: "https://evil.example/" };
    const refused = {
      code: "VALIDATION",
      issues: [{ path: ["input", "selection"], message: expect.stringContaining("CUSTOMERS_READ") as string }],
    };
    expect(await update(weak.text, elsewhere)).toMatchObject(refused);
    expect(await update(weak.text, { ...elsewhere, selection: "{ number }" })).toMatchObject(refused);
    // What it said so far is still there, to be sent again.
    expect(at(await update(weak.text, { selection: "", url }), "webhookEndpoint.url")).toBe(url);
    expect(await update(weak.text, elsewhere)).toMatchObject(refused);

    const shown = async (key: string) =>
      at(
        await ask(
          key,
          `query ($id: ID!) { node(id: $id) { ... on WebhookEndpoint { deliveries(first: 1) { nodes { event { data } } } } } }`,
          { id },
        ),
        "node.deliveries.nodes",
      );
    expect(JSON.stringify(await shown(shop.key))).toContain("li@lei.example");
    expect(await shown(weak.text)).toEqual([{ event: { data: { orderId: order["id"], sequence: 2 } } }]);
    expect(at(await update(shop.key, elsewhere), "webhookEndpoint.url")).toBe(elsewhere.url);
  });

  it("says nothing of what happened to no order: that is told in full", async () => {
    const shop = await openShop();
    const made = await create(shop.key, "{ number }", { types: ["WEBHOOK_ENDPOINT_DISABLED"] });
    const other = await create(shop.key, "{ number }");
    await rpc(textAt(other, "webhookEndpoint.id")).update({ state: "DISABLED" });
    await until(() => partner.heard.length === 1);
    expect(verified(textAt(made, "secret"), partner.heard[0]!).data).toMatchObject({
      endpointId: textAt(other, "webhookEndpoint.id"),
    });
  });
});
