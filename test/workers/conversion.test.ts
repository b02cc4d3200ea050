/** A merchant's own conversion block, from publishing it to what its customers have: through the graph, the phone's pages and the wallet. */
import { evictAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { orderKeyOf, type OrderKey } from "../../src/core/ids.ts";
import {
  ask,
  at,
  cny,
  eachAt,
  fieldsIn,
  keyWith,
  openShop,
  placed,
  recorded,
  tell as tellGraph,
  textAt,
  type Json,
  type Shop,
} from "./graph-shop.ts";
import type { Order } from "../../src/core/order.ts";
import type { Strategy } from "../../src/core/rotation.ts";
import { liveCode, visit } from "./payment-scene.ts";

type Heard = { readonly id: string; readonly headers: Record<string, string>; readonly body: string };

/** The merchant's own server: keeps what it was sent. Everything else of the internet is absent. */
function merchantServer(answer: (request: Heard) => number = () => 204): Heard[] {
  const heard: Heard[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (!request.url.startsWith("https://crm.example/")) return new Response(null, { status: 502 });
    const headers = Object.fromEntries(request.headers);
    const one = { id: headers["webhook-id"] ?? "", headers, body: await request.text() };
    heard.push(one);
    return new Response(null, { status: answer(one) });
  });
  return heard;
}
afterEach(() => void vi.restoreAllMocks());

const publishing = `mutation ($input: ConversionBlockPublishInput!) {
  conversionBlockPublish(input: $input) {
    __typename
    ... on ConversionBlockPublishSuccess { conversionBlock { id version enabled definition } }
    ... on UserError { code message }
    ... on ValidationError { issues { path message } }
  }
}`;
const publish = async (key: string, definition: unknown, input: Json = {}): Promise<unknown> =>
  at(await ask(key, publishing, { input: { name: "Tea", definition, ...input } }), "conversionBlockPublish");

const save = async (key: string, name: string, selection: string, input: Json): Promise<unknown> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const document = `mutation ($input: ${type}Input!) { ${name}(input: $input) {
    __typename ... on ${type}Success { ${selection} } ... on UserError { code message } } }`;
  return at(await ask(key, document, { input }), name);
};
const saved = async (key: string, name: string, selection: string, input: Json): Promise<unknown> => {
  const result = await save(key, name, selection, input);
  expect(result).toMatchObject({ __typename: `${name.charAt(0).toUpperCase()}${name.slice(1)}Success` });
  return result;
};

const conversionFields = `conversion { id state firstTime blockVersion block { version } target { kind url } assignedStaff { name assignedToday }
  actions { key kind state detail shortfall } customer { id tags points tier notes identities { kind value verified }
  consents { purpose granted textVersion textHash locale channel } coupons { code name state value { amount } shortfall } assignedStaff { name } } }`;
/** The conversion as it is once nothing waits any more. */
const settled = (key: string, id: string): Promise<Json> =>
  vi.waitFor(
    async () => {
      const { order } = await ask(key, `query ($id: ID!) { order(by: { id: $id }) { state ${conversionFields} } }`, {
        id,
      });
      const conversion = at(order, "conversion") as Json | null;
      expect(conversion).not.toBeNull();
      expect(eachAt(conversion, "actions", "state")).not.toContain("PENDING");
      return conversion as Json;
    },
    { timeout: 20_000, interval: 100 },
  );
const states = (conversion: unknown): Json =>
  Object.fromEntries<unknown>((at(conversion, "actions") as Json[]).map(({ key, state }) => [String(key), state]));

let references = 0;
const cash = async (shop: Shop, orderId: unknown, phone: string, fields: Json = {}): Promise<unknown> => {
  references += 1;
  return recorded(shop.key, { orderId, reference: `till ${references}`, payer: { phone, name: "Li Lei" }, ...fields });
};
const orderIn = ({ order }: Json): string => textAt(order, "id");

/** What the shop offers: everything that is done in the commit, and something that depends on who comes. */
const tea = {
  actions: [
    { key: "tag", kind: "TAG_ADD", tags: ["table"], onRefund: "REVERSE" },
    { key: "points", kind: "POINTS_GRANT", perMajorUnit: 10, onRefund: "PRORATE" },
    { key: "cup", kind: "COUPON_GRANT", name: "Next cup", value: "5.00", validDays: 30, onRefund: "REVERSE" },
    { key: "tier", kind: "TIER_SET", tier: "leaf", onRefund: "KEEP" },
    { key: "note", kind: "NOTE_ADD", note: "Paid at a table", onRefund: "KEEP" },
    { key: "welcome", kind: "TAG_ADD", tags: ["newcomer"], when: { segment: "NEW" }, onRefund: "KEEP" },
    { key: "again", kind: "TAG_ADD", tags: ["regular"], when: { nthPurchase: [2] }, onRefund: "KEEP" },
    { key: "large", kind: "TAG_ADD", tags: ["large"], when: { amountAtLeast: "100.00" }, onRefund: "KEEP" },
  ],
  targets: [{ when: { segment: "RETURNING" }, kind: "URL", url: "https://tea.example/club" }, { kind: "COUPON" }],
};

describe("a block of a merchant's own", () => {
  it("runs as the version that the order pinned, whatever is published between placing and paying", async () => {
    const shop = await openShop();
    expect(
      fieldsIn(
        await publish(shop.key, { ...tea, actions: [{ key: "x", kind: "TAG_ADD", tags: [], onRefund: "KEEP" }] }),
      ),
    ).toEqual(["definition.actions.0.tags"]);
    const first = await publish(shop.key, tea);
    expect(first).toMatchObject({ conversionBlock: { version: 1, definition: tea } });
    const block = textAt(first, "conversionBlock.id");
    const early = await placed(shop.key);
    const other = {
      ...tea,
      actions: [{ key: "tag", kind: "TAG_ADD", tags: ["other"], onRefund: "KEEP" }],
      targets: [],
    };
    expect(await publish(shop.key, other, { conversionBlockId: block })).toMatchObject({
      conversionBlock: { version: 2 },
    });
    expect(await publish(shop.key, tea, { conversionBlockId: "block_NOBODY" })).toMatchObject({ code: "NOT_FOUND" });
    const late = await placed(shop.key);
    await evictAllDurableObjects();
    await cash(shop, orderIn(early), "+8613800000001");
    await cash(shop, orderIn(late), "+8613800000002");
    const ran = await settled(shop.key, orderIn(early));
    expect(ran).toMatchObject({ blockVersion: 1, block: { version: 1 }, firstTime: true, target: { kind: "COUPON" } });
    expect(states(ran)).toEqual({
      tag: "DONE",
      points: "DONE",
      cup: "DONE",
      tier: "DONE",
      note: "DONE",
      welcome: "DONE",
      again: "SKIPPED_CONDITION",
      large: "SKIPPED_CONDITION",
    });
    expect(await settled(shop.key, orderIn(late))).toMatchObject({ blockVersion: 2, target: { kind: "RECEIPT" } });
    const customer = await vi.waitFor(async () => {
      const found = at(await settled(shop.key, orderIn(early)), "customer");
      expect(found).toMatchObject({
        tags: ["newcomer", "table"],
        points: 190,
        tier: "leaf",
        notes: ["Paid at a table"],
        coupons: [{ name: "Next cup", state: "ISSUED", value: { amount: "5.00" } }],
      });
      return found;
    });
    // Another's order shows nobody else's block, and a switched-off one is pinned no more.
    const stranger = await openShop();
    expect(await placed(stranger.key, { conversionBlockId: block })).toMatchObject({ code: "NOT_FOUND" });
    await publish(shop.key, other, { conversionBlockId: block, enabled: false });
    expect(fieldsIn(await placed(shop.key, { conversionBlockId: block }))).toEqual(["conversionBlockId"]);
    const plain = await placed(shop.key);
    await cash(shop, orderIn(plain), "+8613800000001");
    expect(await settled(shop.key, orderIn(plain))).toMatchObject({
      block: null,
      firstTime: false,
      customer: { id: at(customer, "id") },
    });
  });

  it("knows exactly one of two orders as the first, however close they are paid, and the next as the second", async () => {
    const shop = await openShop();
    await publish(shop.key, tea);
    const [one, two, three] = await Promise.all([placed(shop.key), placed(shop.key), placed(shop.key)]);
    await Promise.all([one, two].map((order) => cash(shop, orderIn(order), "+8613800000003")));
    const both = await Promise.all([one, two].map((order) => settled(shop.key, orderIn(order))));
    expect(both.map(({ firstTime }) => String(firstTime)).toSorted()).toEqual(["false", "true"]);
    const returning = both.find(({ firstTime }) => firstTime === false);
    expect(states(returning)).toMatchObject({ welcome: "SKIPPED_CONDITION", again: "DONE" });
    expect(returning).toMatchObject({ target: { kind: "URL", url: "https://tea.example/club" } });
    await cash(shop, orderIn(three), "+8613800000003");
    expect(states(await settled(shop.key, orderIn(three)))).toMatchObject({ again: "SKIPPED_CONDITION" });
  });

  it("grants a limited coupon to so many and to nobody else, and to each customer once", async () => {
    const shop = await openShop();
    const limit = { total: 3, perCustomer: 1 };
    await publish(shop.key, {
      actions: [{ key: "cup", kind: "COUPON_GRANT", name: "Cup", value: "5.00", limit, onRefund: "REVERSE" }],
      targets: [{ kind: "COUPON" }],
    });
    const orders = await Promise.all(Array.from({ length: 10 }, () => placed(shop.key)));
    await Promise.all(orders.map((order, index) => cash(shop, orderIn(order), `+861380000010${index % 5}`)));
    const ran = await Promise.all(orders.map((order) => settled(shop.key, orderIn(order))));
    const granted = ran.filter((conversion) => states(conversion)["cup"] === "DONE");
    expect(ran.map((conversion) => String(states(conversion)["cup"])).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => "DONE"),
      ...Array.from({ length: 7 }, () => "SKIPPED_LIMIT"),
    ]);
    expect(new Set(granted.map((conversion) => textAt(conversion, "customer.id"))).size).toBe(3);
    expect(new Set(ran.map((conversion) => textAt(conversion, "target.kind")))).toEqual(new Set(["COUPON", "RECEIPT"]));
  });

  it("loses with a refund what it gave, and shows what had been used already", async () => {
    const shop = await openShop();
    await publish(shop.key, tea);
    const order = await placed(shop.key);
    await cash(shop, orderIn(order), "+8613800000004");
    await settled(shop.key, orderIn(order));
    const found = await vi.waitFor(async () => {
      const { customer } = await settled(shop.key, orderIn(order));
      expect(customer).toMatchObject({ points: 190, coupons: [{ state: "ISSUED" }] });
      return customer as Json;
    });
    const customerId = textAt(found, "id");
    const code = textAt(found, "coupons.0.code");
    const spend = (points: number, reference: string) =>
      save(shop.key, "pointsSpend", "customer { points }", { customerId, points, reference });
    expect(await spend(191, "tea")).toMatchObject({ code: "VALIDATION" });
    expect(await spend(150, "cake")).toMatchObject({ customer: { points: 40 } });
    expect(await spend(150, "cake")).toMatchObject({ customer: { points: 40 } });
    expect(await spend(140, "cake")).toMatchObject({ code: "VALIDATION" });
    const redeem = (reference: string) =>
      save(shop.key, "couponRedeem", "replayed coupon { state } customer { id }", {
        code: code.toLowerCase(),
        reference,
      });
    expect(await Promise.all([redeem("a"), redeem("b")])).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ replayed: false, customer: { id: customerId } }),
        expect.objectContaining({ code: "VALIDATION" }),
      ]) as unknown[],
    );
    const refund = (amount: string) =>
      saved(shop.key, "orderRefund", "refund { id }", { orderId: orderIn(order), amount: cny(amount) });
    await refund("9.95");
    const half = await vi.waitFor(async () => {
      const now = await settled(shop.key, orderIn(order));
      expect(now).toMatchObject({ state: "PARTLY_REVERSED", customer: { points: -55 } });
      return now;
    }, 20_000);
    expect((at(half, "actions") as Json[]).find(({ key }) => key === "points")).toMatchObject({ shortfall: 55 });
    await refund("9.95");
    // Rows of customers are remembered for a few seconds.
    const whole = await vi.waitFor(async () => {
      const now = await settled(shop.key, orderIn(order));
      expect(now).toMatchObject({
        state: "REVERSED",
        customer: { points: -150, tags: ["newcomer"], tier: "leaf", coupons: [{ state: "REDEEMED", shortfall: true }] },
      });
      expect((at(now, "actions") as Json[]).find(({ key }) => key === "cup")).toMatchObject({ shortfall: 500 });
      return now;
    }, 20_000);
    expect(states(whole)).toMatchObject({ tag: "REVERSED", points: "REVERSED", cup: "REVERSED", tier: "DONE" });
    const { order: told } = await ask(
      shop.key,
      `query ($id: ID!) { order(by: { id: $id }) { timeline { type data } } }`,
      { id: orderIn(order) },
    );
    const types = eachAt(told, "timeline", "type");
    expect(types.filter((type) => type === "CONVERSION_REVERSED")).toHaveLength(2);
    expect(types).toContain("ORDER_REVIEW");
    expect(JSON.stringify(told)).not.toContain(code);
  });
});

const lead = {
  identity: { ask: ["PHONE", "NAME"] },
  consents: [
    {
      purpose: "MARKETING_MESSAGE",
      textVersion: "mkt-v3",
      text: { en: "May we write to you?", "zh-CN": "可以联系您吗？" },
    },
  ],
  actions: [
    {
      key: "hello",
      kind: "MESSAGE_SEND",
      requires: "MARKETING_MESSAGE",
      template: { en: "Hello {name}, {staff} looks after you.", "zh-CN": "您好，{staff}为您服务。" },
      onRefund: "KEEP",
    },
    { key: "crm", kind: "CRM_PUSH", fields: { source: "{number}" }, onRefund: "REVERSE" },
  ],
  targets: [{ kind: "STAFF_CONTACT" }, { kind: "RECEIPT" }],
};

const endpoint = async (shop: Shop, kind: string): Promise<string> =>
  textAt(
    await saved(shop.key, "conversionEndpointSave", "secret conversionEndpoint { kind url }", {
      kind,
      url: `https://crm.example/${kind}`,
    }),
    "secret",
  );
const pool = async (
  shop: Shop,
  members: readonly Json[],
  strategy = "SMOOTH_WEIGHTED",
  input: Json = {},
): Promise<unknown> =>
  at(
    await saved(shop.key, "staffPoolSave", "staffPool { id members { id name assignedTotal } }", {
      name: "Advisers",
      strategy,
      members,
      ...input,
    }),
    "staffPool",
  );

/** A phone: keeps its cookie, reads what is on the page. */
class Phone {
  cookie = "";
  readonly slug: string;
  constructor(slug: string) {
    this.slug = slug;
  }
  async open(path = ""): Promise<{ readonly status: number; readonly location: string | null; readonly text: string }> {
    const answer = await visit(`/c/${this.slug}${path}`, { headers: { cookie: this.cookie, "accept-language": "en" } });
    const named = answer.headers.getSetCookie().map((one) => one.split(";")[0]);
    if (named.length > 0) this.cookie = [this.cookie, ...named].filter(Boolean).join("; ");
    return { status: answer.status, location: answer.headers.get("location"), text: await answer.text() };
  }
  async post(path: string, fields: readonly (readonly [string, string])[]): Promise<string> {
    const { text } = await this.open();
    const nonce = /name="nonce" value="(\w+)"/.exec(text)?.[1] ?? "";
    const token = /name="token" value="(\w+)"/.exec(text)?.[1];
    const body = new URLSearchParams([
      ["nonce", nonce],
      ["language", "en"],
      ...(token ? [["token", token]] : []),
      ...fields.map((pair) => [...pair]),
    ]);
    const answer = await visit(`/c/${this.slug}/${path}`, { method: "POST", headers: { cookie: this.cookie }, body });
    return answer.headers.get("location") ?? String(answer.status);
  }
}
const walletPays = async (location: string, payer: string): Promise<void> => {
  const paid = await visit(location, { method: "POST", body: new URLSearchParams({ outcome: "pay", payer }) });
  expect(paid.status).toBe(303);
};

describe("what the payer says", () => {
  it("is kept as said, with the proof of what they agreed to, and nothing of the benefit is in any byte before the money", async () => {
    const heard = merchantServer();
    const shop = await openShop();
    const secret = await endpoint(shop, "MESSAGE_SEND");
    await endpoint(shop, "CRM_PUSH");
    const staff = await pool(shop, [{ name: "Mei", contactUrl: "https://contact.example/mei" }]);
    const cup = { key: "cup", kind: "COUPON_GRANT", name: "Sealed cup", value: "5.00", onRefund: "REVERSE" };
    const elsewhere = { when: { segment: "RETURNING" }, kind: "URL", url: "https://sealed.example/club" };
    await publish(shop.key, {
      ...lead,
      assignment: { pool: textAt(staff, "id") },
      actions: [...lead.actions, cup],
      targets: [elsewhere, ...lead.targets],
    });
    const order = await placed(shop.key);
    const phone = new Phone(textAt(order, "liveCode.slug"));
    const bytes: string[] = [];
    const page = await phone.open();
    bytes.push(page.text);
    expect(page.text).toContain("May we write to you?");
    expect(page.text).toMatch(/type="checkbox" name="consent" value="MARKETING_MESSAGE"/);
    expect(page.text).not.toContain("checked");
    expect(
      await phone.post("pay", [
        ["provider", "SANDBOX"],
        ["phone", "not a number"],
      ]),
    ).toContain("reason=contact");
    const location = await phone.post("pay", [
      ["provider", "SANDBOX"],
      ["phone", "+86 138-0000-0005"],
      ["name", "Han Meimei"],
      ["consent", "MARKETING_MESSAGE"],
      ["consent", "PROFILING"],
    ]);
    bytes.push((await phone.open()).text);
    const early = await ask(
      shop.key,
      `query ($id: ID!) { order(by: { id: $id }) { state ${conversionFields} liveCode { explain } timeline { data } } }`,
      {
        id: orderIn(order),
      },
    );
    bytes.push(JSON.stringify(early));
    // The member of staff is reserved by now, and nobody can read who.
    const key = orderKeyOf(orderIn(order)) as OrderKey;
    await vi.waitFor(async () => {
      const kept = (await liveCode(key).look()) as Order;
      expect(kept.staff).toMatchObject({ state: "HELD", hold: { name: "Mei" } });
    });
    bytes.push((await phone.open()).text);
    const seed = (await liveCode(key).look())?.terms.block.couponSeed ?? "";
    expect(seed).toMatch(/^\w{60}$/);
    for (const text of bytes)
      expect(text).not.toMatch(new RegExp(`contact\\.example|Mei|[Ss]ealed|${seed.slice(0, 12)}`));
    expect(heard).toEqual([]);
    await evictDurableObject(env.LIVE_CODE.getByName(key));
    await walletPays(location, "wallet-7");
    const conversion = await settled(shop.key, orderIn(order));
    expect(states(conversion)).toEqual({ hello: "DONE", crm: "DONE", cup: "DONE", staff: "DONE" });
    expect(conversion).toMatchObject({
      target: { kind: "STAFF_CONTACT", url: "https://contact.example/mei" },
      assignedStaff: { name: "Mei", assignedToday: 1 },
    });
    expect((await phone.open()).location).toBe("https://contact.example/mei");
    const customer = await vi.waitFor(async () => {
      const { customer: found } = await settled(shop.key, orderIn(order));
      expect(found).toMatchObject({ assignedStaff: { name: "Mei" } });
      return found as Json;
    });
    expect(customer).toMatchObject({
      identities: expect.arrayContaining([
        expect.objectContaining({ kind: "WALLET", verified: true }),
        { kind: "PHONE", value: "+8613800000005", verified: false },
      ]) as unknown,
      consents: [
        {
          purpose: "MARKETING_MESSAGE",
          granted: true,
          textVersion: "mkt-v3",
          textHash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
          locale: "en",
          channel: "payer page",
        },
      ],
    });
    const hello = heard.filter(({ id }) => id.endsWith(":hello"));
    expect(hello).toHaveLength(1);
    const [message] = hello;
    if (!message) throw new Error("a message");
    expect(new Webhook(secret).verify(message.body, message.headers)).toMatchObject({
      data: { kind: "MESSAGE_SEND", text: "Hello Han Meimei, Mei looks after you.", undo: false },
    });
    // All the money back: the CRM hears of it, the message stays said.
    await saved(shop.key, "orderRefund", "refund { id }", { orderId: orderIn(order) });
    await vi.waitFor(() => expect(heard.filter(({ id }) => id.endsWith(":crm:undo"))).toHaveLength(1), {
      timeout: 20_000,
      interval: 100,
    });
    expect(states(await settled(shop.key, orderIn(order)))).toEqual({
      hello: "DONE",
      crm: "REVERSED",
      cup: "REVERSED",
      staff: "DONE",
    });
  });

  it("never leads into somebody else's record, and a payer without a name claims their own, once, from their own browser", async () => {
    const heard = merchantServer();
    const shop = await openShop();
    await endpoint(shop, "MESSAGE_SEND");
    await endpoint(shop, "CRM_PUSH");
    await publish(shop.key, { ...lead, targets: [] });
    const known = await placed(shop.key);
    await cash(shop, orderIn(known), "+8613800000006");
    const theirs = textAt(await settled(shop.key, orderIn(known)), "customer.id");

    const order = await placed(shop.key);
    const phone = new Phone(textAt(order, "liveCode.slug"));
    const location = await phone.post("pay", [["provider", "SANDBOX"]]);
    const key = orderKeyOf(orderIn(order)) as OrderKey;
    const attempt = location.split("/").at(-1) ?? "";
    // A provider that names nobody.
    await liveCode(key).apply({
      kind: "capture",
      exact: false,
      capture: {
        id: "SANDBOX:T-9",
        provider: "SANDBOX",
        account: shop.accountId,
        transaction: "T-9",
        attempt,
        amount: 1990,
        currency: "CNY" as never,
        paidAt: Date.now(),
        payer: { customerId: "customer_PROVISIONAL", provisional: true, name: null, identities: [] },
      },
    });
    expect(states(await settled(shop.key, orderIn(order)))).toEqual({ hello: "SKIPPED_NO_CONSENT", crm: "DONE" });
    const stranger = new Phone(phone.slug);
    expect((await stranger.open()).text).not.toContain("/claim");
    expect(await stranger.post("claim", [["phone", "+8613800000006"]])).toContain("reason=stale");
    expect((await phone.open()).text).toContain("/claim");
    expect(await phone.post("claim", [["phone", " "]])).toContain("reason=contact");
    const claim = [
      ["phone", "+86 138 0000 0006"],
      ["consent", "MARKETING_MESSAGE"],
    ] as const;
    expect(await phone.post("claim", claim)).toBe(`/c/${phone.slug}`);
    expect(await phone.post("claim", claim)).toContain("reason=stale");
    const conversion = await vi.waitFor(async () => {
      const now = await settled(shop.key, orderIn(order));
      expect(states(now)).toEqual({ hello: "DONE", crm: "DONE" });
      expect(now).toMatchObject({
        customer: { identities: [{ kind: "PHONE", value: "+8613800000006", verified: false }] },
      });
      return now;
    }, 20_000);
    expect(textAt(conversion, "customer.id")).not.toBe(theirs);
    expect(heard.filter(({ id }) => id.endsWith(":hello"))).toHaveLength(1);
  });

  it("later counts as well: a consent given at the counter runs what waited for it, and one taken back stops it", async () => {
    const heard = merchantServer();
    const shop = await openShop();
    await endpoint(shop, "MESSAGE_SEND");
    await publish(shop.key, { ...lead, actions: lead.actions.slice(0, 1), targets: [] });
    const order = await placed(shop.key);
    await cash(shop, orderIn(order), "+8613800000007");
    const conversion = await settled(shop.key, orderIn(order));
    expect(states(conversion)).toEqual({ hello: "SKIPPED_NO_CONSENT" });
    const customerId = textAt(conversion, "customer.id");
    const set = (granted: boolean, fields: Json = {}) =>
      save(shop.key, "customerConsentSet", "customer { consents { granted channel } }", {
        customerId,
        purpose: "MARKETING_MESSAGE",
        granted,
        textVersion: "till-1",
        locale: "zh-CN",
        channel: "till",
        ...fields,
      });
    expect(await set(true, { customerId: "customer_NOBODY" })).toMatchObject({ code: "NOT_FOUND" });
    expect(await set(true, { textVersion: " " })).toMatchObject({ code: "VALIDATION" });
    const receipts = await vi.waitFor(async () => {
      const written = await set(true);
      expect(written).toMatchObject({
        customer: { consents: expect.arrayContaining([{ granted: true, channel: "till" }]) as unknown },
      });
      return written;
    });
    expect(receipts).toBeDefined();
    await vi.waitFor(async () => expect(states(await settled(shop.key, orderIn(order)))).toEqual({ hello: "DONE" }), {
      timeout: 20_000,
      interval: 100,
    });
    expect(heard).toHaveLength(1);
    await set(false);
    const second = await placed(shop.key);
    await cash(shop, orderIn(second), "+8613800000007");
    expect(states(await settled(shop.key, orderIn(second)))).toEqual({ hello: "SKIPPED_NO_CONSENT" });
    const { viewer } = await ask(
      shop.key,
      `{ viewer { merchant { events(first: 100, types: [CUSTOMER_CONSENT_CHANGED]) { nodes { data } } } } }`,
    );
    await vi.waitFor(() => expect(at(viewer, "merchant.events.nodes")).toBeDefined());
    expect(heard).toHaveLength(1);
  });
});

describe("a consent", () => {
  it("reaches every order of the customer's that waits for it, however many there are, and whoever is evicted on the way", async () => {
    const heard = merchantServer();
    const shop = await openShop();
    await endpoint(shop, "MESSAGE_SEND");
    await publish(shop.key, { ...lead, actions: lead.actions.slice(0, 1), targets: [] });
    const count = limits.ordersToldAtOnce + 3;
    const orders = await Promise.all(Array.from({ length: count }, () => placed(shop.key)));
    await Promise.all(orders.map((order) => cash(shop, orderIn(order), "+8613800000050")));
    const ran = await Promise.all(orders.map((order) => settled(shop.key, orderIn(order))));
    expect(ran.map((conversion) => states(conversion)["hello"])).toEqual(ran.map(() => "SKIPPED_NO_CONSENT"));
    const set = (granted: boolean) =>
      saved(shop.key, "customerConsentSet", "customer { id }", {
        customerId: textAt(ran[0], "customer.id"),
        purpose: "MARKETING_MESSAGE",
        granted,
        textVersion: "till-1",
        locale: "en",
        channel: "till",
      });
    // All of them are in the read model by now, or read the receipts when they get there.
    await vi.waitFor(() => set(true), 20_000);
    await evictAllDurableObjects();
    await vi.waitFor(() => expect(new Set(heard.map(({ id }) => id)).size).toBe(count), {
      timeout: 25_000,
      interval: 100,
    });
    const key = orderKeyOf(orderIn(orders[0] ?? {})) as OrderKey;
    await vi.waitFor(
      async () => expect((await liveCode(key).look())?.conversion?.actions[0]?.state).toBe("DONE"),
      20_000,
    );
  }, 60_000);
});

describe("a merchant's server that fails", () => {
  it("is called again, with the same words under the same name, until it answers or a person gives up on it", async () => {
    const answers = [500, 500, 204];
    const heard = merchantServer(() => answers.shift() ?? 204);
    const shop = await openShop();
    await publish(shop.key, { actions: [{ key: "crm", kind: "CRM_PUSH", onRefund: "KEEP" }], targets: [] });
    const order = await placed(shop.key);
    await cash(shop, orderIn(order), "+8613800000008");
    const retry = async () => {
      const { order: found } = await ask(
        shop.key,
        `query ($id: ID!) { order(by: { id: $id }) { conversion { id actions { state detail } } } }`,
        {
          id: orderIn(order),
        },
      );
      return { id: textAt(found, "conversion.id"), action: at(found, "conversion.actions.0") as Json };
    };
    // Nobody has said where yet: it says so.
    await vi.waitFor(async () => expect((await retry()).action["detail"]).toContain("no address is set for CRM_PUSH"));
    await endpoint(shop, "CRM_PUSH");
    const again = async () =>
      saved(shop.key, "conversionRetry", "conversion { id }", { conversionId: (await retry()).id });
    await again();
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    await vi.waitFor(async () =>
      expect((await retry()).action).toMatchObject({ state: "PENDING", detail: "the server answered 500" }),
    );
    await evictAllDurableObjects();
    await again();
    await vi.waitFor(() => expect(heard).toHaveLength(2));
    await vi.waitFor(async () => {
      await again();
      expect(states(await settled(shop.key, orderIn(order)))).toEqual({ crm: "DONE" });
    }, 20_000);
    expect(new Set(heard.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
    expect(
      await save(shop.key, "conversionRetry", "conversion { id }", { conversionId: "conversion_0123456789ABCDEF" }),
    ).toMatchObject({ code: "NOT_FOUND" });
    expect(
      await save(shop.key, "conversionEndpointSave", "secret", { kind: "CRM_PUSH", url: "http://127.0.0.1/" }),
    ).toMatchObject({
      __typename: expect.stringMatching(/Success|UrlNotAllowedError/) as unknown,
    });
  });
});

describe("a call to a merchant's server", () => {
  const crm = { actions: [{ key: "crm", kind: "CRM_PUSH", onRefund: "REVERSE" }], targets: [] };

  it("holds up no alarm, which has money to look after, though the server keeps silent; and a refund meanwhile takes it back", async () => {
    let isSilent = true;
    const ids: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      ids.push(new Request(input, init).headers.get("webhook-id") ?? "");
      // Nobody outside an object may wake what waits inside it, so it looks by itself.
      while (isSilent) await scheduler.wait(10);
      return new Response(null, { status: ids.length > 1 ? 204 : 500 });
    });
    const shop = await openShop();
    await endpoint(shop, "CRM_PUSH");
    await publish(shop.key, crm);
    const order = await placed(shop.key);
    await cash(shop, orderIn(order), "+8613800000040");
    const key = orderKeyOf(orderIn(order)) as OrderKey;
    await vi.waitFor(() => expect(ids).toHaveLength(1), 20_000);
    expect(await runDurableObjectAlarm(env.LIVE_CODE.getByName(key))).toBe(true);
    const actionOf = async () => (await liveCode(key).look())?.conversion?.actions[0];
    // The alarm is through, and of the call nothing is known but that it left.
    expect(await actionOf()).toMatchObject({ state: "PENDING", call: { tries: 1 }, called: { points: 0 } });
    expect((await actionOf())?.detail).toBeUndefined();
    await saved(shop.key, "orderRefund", "refund { id }", { orderId: orderIn(order) });
    isSilent = false;
    await vi.waitFor(() => expect(ids).toHaveLength(2), 20_000);
    expect(ids.map((id) => id.split(":").slice(1).join(":"))).toEqual(["crm", "crm:undo"]);
    await vi.waitFor(async () => expect((await actionOf())?.waits).toBeUndefined(), 20_000);
    expect(await actionOf()).toMatchObject({ state: "REVERSED" });
  });

  it("that a fault of our own keeps from leaving is a try like any other, and is seen", async () => {
    const heard = merchantServer();
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const shop = await openShop();
    await endpoint(shop, "CRM_PUSH");
    await env.DB.prepare("UPDATE action_endpoints SET sealed = 'nonsense' WHERE merchant_id = ?")
      .bind(shop.merchantId)
      .run();
    await publish(shop.key, crm);
    const order = await placed(shop.key);
    await cash(shop, orderIn(order), "+8613800000041");
    const key = orderKeyOf(orderIn(order)) as OrderKey;
    const actionOf = async () => (await liveCode(key).look())?.conversion?.actions[0];
    await vi.waitFor(
      async () =>
        expect(await actionOf()).toMatchObject({
          state: "PENDING",
          call: { tries: 1 },
          detail: expect.stringContaining("a fault on our side") as unknown,
        }),
      20_000,
    );
    expect((await actionOf())?.called).toBeUndefined();
    expect(logged).toHaveBeenCalledWith("work of a conversion", "CALL", expect.any(Error));
    await endpoint(shop, "CRM_PUSH");
    await saved(shop.key, "conversionRetry", "conversion { id }", {
      conversionId: orderIn(order).replace("order", "conversion"),
    });
    expect(states(await settled(shop.key, orderIn(order)))).toEqual({ crm: "DONE" });
    expect(heard).toHaveLength(1);
  });
});

describe("a staff pool", () => {
  it("sends a returning customer to their own, and whom nobody is free for to the fallback, or to nobody", async () => {
    merchantServer();
    const shop = await openShop();
    const sticky = await pool(
      shop,
      [
        { name: "Mei", totalCap: 2 },
        { name: "Lan", totalCap: 1 },
      ],
      "STICKY_FIRST",
    );
    const spare = await pool(shop, [{ name: "Spare", totalCap: 1 }]);
    const assignment = { pool: textAt(sticky, "id"), fallback: textAt(spare, "id") };
    await publish(shop.key, { assignment, actions: [], targets: [] });
    const staffOf = async (phone: string): Promise<unknown> => {
      const order = await placed(shop.key);
      await cash(shop, orderIn(order), phone);
      const conversion = await settled(shop.key, orderIn(order));
      return at(conversion, "assignedStaff") === null
        ? states(conversion)["staff"]
        : textAt(conversion, "assignedStaff.name");
    };
    expect(await staffOf("+8613800000020")).toBe("Mei");
    expect(await staffOf("+8613800000020")).toBe("Mei");
    expect(await staffOf("+8613800000021")).toBe("Lan");
    expect(await staffOf("+8613800000020")).toBe("Spare");
    expect(await staffOf("+8613800000022")).toBe("SKIPPED_LIMIT");
    // Saving it again keeps what everybody had; somebody else's pool is nobody's.
    const members = (at(sticky, "members") as Json[]).map(({ id, name }) => ({ id, name }));
    const input = { staffPoolId: textAt(sticky, "id") };
    expect(await pool(shop, members, "LEAST_LOADED", input)).toMatchObject({
      members: [{ assignedTotal: 2 }, { assignedTotal: 1 }],
    });
    const stranger = await openShop();
    expect(
      await save(stranger.key, "staffPoolSave", "staffPool { id }", {
        name: "X",
        strategy: "RANDOM",
        members: [],
        ...input,
      }),
    ).toMatchObject({
      code: "NOT_FOUND",
    });
    expect(fieldsIn(await publish(stranger.key, { assignment, actions: [], targets: [] }))).toEqual([
      "definition.assignment.pool",
      "definition.assignment.fallback",
    ]);
    const empty = await pool(stranger, []);
    expect(
      fieldsIn(await publish(stranger.key, { assignment: { pool: textAt(empty, "id") }, actions: [], targets: [] })),
    ).toEqual(["definition.assignment.pool"]);
  });
});

describe("the clock of a staff pool", () => {
  it("is the merchant's, also once the merchant has changed it", async () => {
    const shop = await openShop();
    const setZone = (timeZone: string) => saved(shop.key, "merchantUpdate", "merchant { timeZone }", { timeZone });
    // No day is the same in both of these.
    await setZone("Pacific/Kiritimati");
    const staff = await pool(shop, [{ name: "Mei", dailyCap: 1 }]);
    await publish(shop.key, { assignment: { pool: textAt(staff, "id") }, actions: [], targets: [] });
    const assigned = async (phone: string): Promise<unknown> => {
      const order = await placed(shop.key);
      await cash(shop, orderIn(order), phone);
      return states(await settled(shop.key, orderIn(order)))["staff"];
    };
    expect([await assigned("+8613800000060"), await assigned("+8613800000061")]).toEqual(["DONE", "SKIPPED_LIMIT"]);
    await setZone("Pacific/Niue");
    expect([await assigned("+8613800000062"), await assigned("+8613800000063")]).toEqual(["DONE", "SKIPPED_LIMIT"]);
  });
});

describe("what a staff pool keeps", () => {
  const member = {
    name: "Mei",
    contactUrl: null,
    weight: 1,
    dailyCap: null,
    totalCap: null,
    online: true,
    schedule: [],
  };
  const ids = { id: "pool_KEEPS", merchantId: "merchant_KEEPS" };
  const saving = (strategy: Strategy, ...members: string[]) => ({
    ...ids,
    name: "Advisers",
    pool: { strategy, timeZone: "UTC", members: members.map((id) => ({ ...member, id })) },
  });
  const orderOf = (number: number): OrderKey => `${number}`.padStart(20, "0") as OrderKey;

  it("is whose a customer is only where returning customers come to their own, and only of those who can return", async () => {
    const stub = env.STAFF_POOL.getByName(ids.id);
    let orders = 0;
    const assign = (customerId: string | null) =>
      stub.assign({ order: orderOf((orders += 1)), turn: 1, merchantId: ids.merchantId, customerId, convertedAt: 1 });
    const owners = () =>
      runInDurableObject(stub, (_, { storage }) =>
        storage.sql
          .exec("SELECT customer FROM owners")
          .toArray()
          .map(({ customer }) => customer),
      );
    await stub.save(saving("LEAST_LOADED", "staff_1"));
    expect(await assign("customer_1")).toMatchObject({ member: "staff_1" });
    expect(await owners()).toEqual([]);
    await stub.save(saving("STICKY_FIRST", "staff_1"));
    expect(await assign(null)).toMatchObject({ member: "staff_1" });
    expect(await assign("customer_2")).toMatchObject({ member: "staff_1" });
    await stub.reserve({ order: orderOf(9), turn: 1, merchantId: ids.merchantId });
    await stub.assign({
      order: orderOf(9),
      turn: 1,
      merchantId: ids.merchantId,
      customerId: "customer_3",
      convertedAt: 1,
    });
    expect(await owners()).toEqual(["customer_2", "customer_3"]);
  });

  it("goes with an erasure, and stays where the customer has come back since, whatever the release before kept", async () => {
    const { merchantId } = ids;
    const stub = env.STAFF_POOL.getByName("pool_ERASES");
    await stub.save({ ...saving("STICKY_FIRST", "staff_1"), id: "pool_ERASES" });
    const owners = (change?: string) =>
      runInDurableObject(stub, (_, { storage }) => {
        if (change) storage.sql.exec(change);
        return storage.sql
          .exec("SELECT customer FROM owners")
          .toArray()
          .map(({ customer }) => customer);
      });
    const pays = (number: number, customerId: string, convertedAt: number) =>
      stub.assign({ order: orderOf(number), turn: 1, merchantId, customerId, convertedAt });
    const erase = (customerId: string, erasedAt: number) => stub.forget({ merchantId, customerId, erasedAt });
    await owners("INSERT INTO owners (customer, member, since) VALUES ('customer_0', 'staff_1', 0)");
    await owners("ALTER TABLE owners DROP COLUMN since");
    await erase("customer_0", 5);
    expect(await owners()).toEqual([]);
    await owners("ALTER TABLE owners DROP COLUMN since");
    await pays(1, "customer_1", 10);
    await pays(2, "customer_2", 10);
    await erase("customer_1", 20);
    // An order of before that asks late is gone at the last look; one of the new relation stays.
    await pays(3, "customer_1", 15);
    await erase("customer_1", 20);
    expect(await owners()).toEqual(["customer_2"]);
    await pays(4, "customer_1", 25);
    await erase("customer_1", 20);
    expect(await owners()).toEqual(["customer_1", "customer_2"]);
  });
});

describe("a reservation that is let go", () => {
  it("is remembered though it never came, so that it takes nobody when it comes late", async () => {
    const merchantId = "merchant_LATE";
    const member = {
      id: "staff_1",
      name: "Mei",
      contactUrl: null,
      weight: 1,
      dailyCap: null,
      online: true,
      schedule: [],
    };
    const stub = env.STAFF_POOL.getByName("pool_LATE");
    const put = (fields: { readonly online: boolean; readonly totalCap: number | null }) =>
      stub.save({
        id: "pool_LATE",
        merchantId,
        name: "Advisers",
        pool: { strategy: "SEQUENTIAL", timeZone: "UTC", members: [{ ...member, ...fields }] },
      });
    await put({ online: true, totalCap: 1 });
    const order = "0".repeat(20) as OrderKey;
    const turnOf = (turn: number) => ({ order, turn, merchantId });
    await stub.release(turnOf(1));
    expect(await stub.reserve(turnOf(1))).toBeNull();
    expect(await stub.reserve(turnOf(2))).toMatchObject({ member: "staff_1" });
    await stub.release(turnOf(2));
    await stub.release(turnOf(3));
    await stub.release(turnOf(3));
    expect(await stub.reserve(turnOf(3))).toBeNull();
    // Whoever pays has the only place there is.
    expect(await stub.assign({ ...turnOf(4), customerId: null, convertedAt: 1 })).toMatchObject({ member: "staff_1" });
    await stub.release(turnOf(5));
    expect(await stub.summary(merchantId)).toMatchObject({ members: [{ assignedTotal: 1 }] });
    // That there was nobody is its last word in a turn as well: the order has asked another pool since.
    const another = { ...turnOf(1), order: "1".repeat(20) as OrderKey };
    await put({ online: false, totalCap: 1 });
    expect([
      await stub.reserve(another),
      await stub.assign({ ...another, turn: 2, customerId: null, convertedAt: 1 }),
    ]).toEqual([null, null]);
    await put({ online: true, totalCap: null });
    expect([
      await stub.reserve(another),
      await stub.assign({ ...another, turn: 2, customerId: null, convertedAt: 1 }),
    ]).toEqual([null, null]);
    expect(await stub.reserve({ ...another, turn: 3 })).toMatchObject({ member: "staff_1" });
  });
});

describe("what a customer was given", () => {
  it("is read by keys that may see customers, and by no other key that sees the order", async () => {
    merchantServer();
    const shop = await openShop();
    await endpoint(shop, "GROUP_INVITE");
    const advisers = await pool(shop, [{ name: "Mei", contactUrl: "https://contact.example/mei" }]);
    const group = { name: "Regulars", url: "https://group.example/1", capacity: 5 };
    await publish(shop.key, {
      assignment: { pool: textAt(advisers, "id") },
      actions: [...tea.actions, { key: "group", kind: "GROUP_INVITE", groups: [group], onRefund: "KEEP" }],
      targets: [{ kind: "STAFF_CONTACT" }],
    });
    const order = await placed(shop.key);
    await cash(shop, orderIn(order), "+8613800000030");
    await settled(shop.key, orderIn(order));
    const seenWith = async (key: string): Promise<Json> => {
      const { order: seen } = await ask(
        key,
        `query ($id: ID!) { order(by: { id: $id }) { liveCode { explain } conversion { assignedStaff { name } actions { key detail }
          target { kind url } customer { assignedStaff { name } } } } }`,
        { id: orderIn(order) },
      );
      const { viewer } = await ask(key, "{ viewer { merchant { staffPools { members { name contactUrl } } } } }");
      const details = (at(seen, "conversion.actions") as Json[]).map(({ key: name, detail }) => [name, detail]);
      const staff = [at(seen, "conversion.assignedStaff"), at(seen, "conversion.customer.assignedStaff")];
      const contacts = eachAt(viewer, "merchant.staffPools.0.members", "contactUrl");
      const target = at(seen, "conversion.target");
      expect(JSON.stringify(at(seen, "liveCode"))).not.toContain("contact.example");
      return { ...(Object.fromEntries(details) as Json), assigned: staff, target, contacts };
    };
    const contact = "https://contact.example/mei";
    const shown = {
      tag: "table",
      points: "190 points",
      cup: expect.stringMatching(/^Next cup \w{12}$/) as unknown,
      note: "Paid at a table",
      staff: "Mei",
      group: "Regulars",
      assigned: [{ name: "Mei" }, { name: "Mei" }],
      target: { kind: "STAFF_CONTACT", url: contact },
      contacts: [contact],
    };
    const { text: reading } = await keyWith(shop.key, "ORDERS_READ", "CUSTOMERS_READ");
    await vi.waitFor(async () => expect(await seenWith(reading)).toMatchObject(shown), {
      timeout: 20_000,
      interval: 100,
    });
    const { text: narrow } = await keyWith(shop.key, "ORDERS_READ");
    const hidden = { cup: null, note: null, staff: null, group: null, assigned: [null, null] };
    const sealed = { target: { kind: "STAFF_CONTACT", url: null }, contacts: [null] };
    expect(await seenWith(narrow)).toMatchObject({ ...shown, ...hidden, ...sealed });
    // Whoever saves a pool reads what is in it.
    const { text: managing } = await keyWith(shop.key, "ORDERS_READ", "CONVERSIONS_WRITE");
    expect(await seenWith(managing)).toMatchObject({ ...shown, ...hidden, ...sealed, contacts: [contact] });
  });
});

describe("a dry run", () => {
  it("says what would happen and why, and leaves nothing behind", async () => {
    const shop = await openShop();
    const simulate = async (definition: unknown, payer: Json): Promise<unknown> =>
      at(
        await ask(
          shop.key,
          `query ($definition: JSON!, $order: ConversionSimulateOrderInput!, $payer: ConversionSimulatePayerInput!) {
            conversionSimulate(definition: $definition, order: $order, payer: $payer) {
              issues { path message } actions { key state why } target } }`,
          { definition, order: { amount: cny("19.90") }, payer },
        ),
        "conversionSimulate",
      );
    expect(await simulate({ actions: [], targets: [], extra: 1 }, { firstTime: true })).toMatchObject({
      issues: [{ path: ["input", "definition", "extra"] }],
      actions: [],
      target: null,
    });
    const dry = await simulate(tea, { firstTime: false });
    expect(dry).toMatchObject({ issues: [], target: "URL" });
    expect((at(dry, "actions") as Json[]).find(({ key }) => key === "large")).toMatchObject({
      state: "SKIPPED_CONDITION",
      why: 'amountAtLeast "100.00" does not hold',
    });
    const hello = at(await simulate(lead.actions ? { ...lead, targets: [] } : lead, { firstTime: true }), "actions.0");
    expect(hello).toMatchObject({
      state: "SKIPPED_NO_CONSENT",
      why: expect.stringContaining("needs consent to MARKETING_MESSAGE") as unknown,
    });
    const { viewer } = await ask(
      shop.key,
      `{ viewer { merchant { conversionBlocks { id } customers { totalCount } } } }`,
    );
    expect(viewer).toMatchObject({ merchant: { conversionBlocks: [], customers: { totalCount: 0 } } });
    expect((await tellGraph(null, "{ viewer { merchant { id } } }")).data).toBeDefined();
  });
});

describe("the published schema", () => {
  it("is served to anybody, and names itself", async () => {
    const answer = await visit("/schemas/conversion-block.json");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/schema+json"]);
    expect(await answer.json()).toMatchObject({
      $id: "https://pay.example/schemas/conversion-block.json",
      additionalProperties: false,
    });
  });
});
