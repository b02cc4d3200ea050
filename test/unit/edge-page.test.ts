/** The payer page as a phone gets it, state by state, with whatever merchants may have written into it. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { answerScan } from "../../src/edge/routes.ts";
import { meetVisitor } from "../../src/edge/visitor.ts";
import { get, meet, openShop, type Shop } from "./edge-fixture.ts";

async function open(shop: Shop, headers: Record<string, string> = {}, query = "") {
  const answer = await answerScan(get(`/c/${shop.slug}${query}`, headers), () => shop.deps);
  if (!answer) throw new Error("a code's page is answered");
  return { answer, markup: await answer.text() };
}

const begin = (shop: Shop, claimant = "browser_of_somebody_else") =>
  shop.apply({ kind: "begin", claimant, account: "account_1" });

describe("the payer page", () => {
  it("shows merchant, lines, total and the way to pay", async () => {
    const shop = openShop();
    const { answer, markup } = await open(shop);
    expect(answer.status).toBe(200);
    for (const text of ["Tea House", "Order 1042", "Jasmine milk tea 茉莉奶茶", "CN¥39.80", "-CN¥8.00", "CN¥159.80"])
      expect(markup).toContain(text);
    expect(markup).toContain(`action="/c/${shop.slug}/pay"`);
    expect(markup).toContain(`name="provider" value="SANDBOX"`);
    expect(meet(answer, markup).nonce).toHaveLength(26);
  });

  it("promises the browser a strict policy and nothing cached", async () => {
    const { answer, markup } = await open(openShop());
    const policy = answer.headers.get("content-security-policy") ?? "";
    const style = /<style>([\s\S]*?)<\/style>/.exec(markup)?.[1] ?? "";
    expect(policy).toContain(`style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`);
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ])
      expect(policy).toContain(rule);
    expect(policy).not.toContain("unsafe");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("x-robots-tag")).toContain("noindex");
    expect(answer.headers.get("referrer-policy")).toBe("same-origin");
    // Nothing inline that the policy would have to allow.
    expect(markup).not.toMatch(/<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=/);
  });

  it("names the browser once, in a cookie that no script and no other page sees", async () => {
    const shop = openShop();
    const first = await open(shop);
    expect(first.answer.headers.get("set-cookie")).toMatch(
      /^huoma=[0-9A-Z]{26}; Path=\/c; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
    );
    const { cookie, nonce } = meet(first.answer, first.markup);
    const again = await open(shop, { cookie: `other=1; ${cookie}` });
    expect(again.answer.headers.get("set-cookie")).toBeNull();
    expect(meet(again.answer, again.markup).nonce).toBe(nonce);
    const other = await open(shop);
    expect(meet(other.answer, other.markup).nonce).not.toBe(nonce);
  });

  it("offers every provider of the merchant once, and none that a phone cannot use", async () => {
    const accounts = (["WECHAT_PAY", "WECHAT_PAY", "MANUAL", "ALIPAY"] as const).map((provider, index) => ({
      id: `account_${index}`,
      provider,
    }));
    const { markup } = await open(openShop({ accounts }));
    expect([...markup.matchAll(/name="provider" value="(\w+)"/g)].map((match) => match[1])).toEqual([
      "WECHAT_PAY",
      "ALIPAY",
    ]);
  });

  it.each([
    ["en", { "accept-language": "en-GB,en;q=0.9,zh;q=0.8" }, ""],
    ["zh-CN", { "accept-language": "fr, zh-TW;q=0.7, en;q=0.3" }, ""],
    ["zh-CN", { "accept-language": "en" }, "?lang=zh-CN"],
    ["en", { "accept-language": "zh-CN" }, "?lang=en"],
    ["en", { "accept-language": "zh;q=0, *;q=0.5" }, ""],
    ["en", { "accept-language": ";;q=,,".repeat(500) }, "?lang=%00"],
    ["zh-CN", { cookie: "lang=zh-CN" }, ""],
  ])("speaks %s when asked %j %s", async (language, headers: Record<string, string>, query) => {
    const { answer, markup } = await open(openShop(), headers, query);
    expect(answer.headers.get("content-language")).toBe(language);
    expect(markup).toContain(`<html lang="${language}">`);
    expect(markup).toContain(language === "en" ? "To pay" : "应付金额");
  });

  it("speaks the merchant's language to a browser that names none of ours", async () => {
    const shop = openShop({
      merchant: { id: "merchant_00A", name: "茶馆", locale: "zh-Hans-CN", timeZone: "Asia/Shanghai" },
    });
    expect((await open(shop, { "accept-language": "de" })).markup).toContain(`<html lang="zh-CN">`);
  });

  it.each([
    ["JPY", 1990, "¥1,990"],
    ["KWD", 1990, "KWD 1.990"],
    ["IQD", 1990, "IQD 1.990"],
    ["VND", 999_999_999_999, "₫999,999,999,999"],
  ])("shows %s to its last place", async (currency, total, text) => {
    const shop = openShop({ currency: currency as never, total, subtotal: total, discount: 0 });
    expect((await open(shop)).markup.replaceAll("\u00a0", " ")).toContain(text);
  });

  it("says why the payer is back, in words of its own only", async () => {
    expect((await open(openShop(), {}, "?reason=refused")).markup).toContain("did not accept");
    expect((await open(openShop(), {}, "?reason=%3Cscript%3E")).markup).not.toContain(`role="alert"`);
  });
});

describe("by state", () => {
  it("tells a second person that somebody pays, and until when", async () => {
    const shop = openShop();
    begin(shop);
    const { markup } = await open(shop);
    expect(markup).toContain("Somebody else is paying");
    expect(markup).toContain("until 14:03");
    expect(markup).not.toContain(`name="provider"`);
    expect(markup).toContain(`<meta http-equiv="refresh" content="10"`);
  });

  it("lets the second take over when the claim lapses", async () => {
    const shop = openShop();
    begin(shop);
    shop.now += 121_000;
    expect((await open(shop)).markup).toContain(`name="provider"`);
  });

  it("waits with the payer, and lets them go on, without JavaScript too", async () => {
    const shop = openShop();
    const { cookie } = await visit(shop);
    const { markup } = await open(shop, { cookie });
    expect(markup).toContain("Waiting for your payment");
    expect(markup).toContain("Continue paying");
    expect(markup).toContain(`<noscript><meta http-equiv="refresh" content="4"/></noscript>`);
  });

  it("greets the payer as a customer, and shows a stranger a receipt without a name", async () => {
    const shop = openShop();
    const { cookie } = await visit(shop);
    shop.pay("小王");
    const mine = (await open(shop, { cookie })).markup;
    expect(mine).toContain("Thank you, \u2068小王\u2069.");
    expect(mine).toContain("You are now a customer of \u2068Tea House\u2069.");
    expect(mine).toContain("W-20261118-0001");
    const theirs = (await open(shop)).markup;
    expect(theirs).toContain("Paid");
    expect(theirs).toContain("CN¥159.80");
    expect(theirs).not.toMatch(/小王|W-20261118|name="provider"/);
    // Tags are the merchant's own notes.
    expect(mine + theirs).not.toMatch(/"paid"<|\btags?\b/);
  });

  it("shows what is the customer's to the browser whose money made them, and to nobody who paid a smaller part", async () => {
    const { claimDoor } = await import("../../src/edge/claim.ts");
    const cup = { key: "cup", kind: "COUPON_GRANT", name: "Next cup", value: "5.00", onRefund: "KEEP" } as const;
    const block = { id: null, version: 1, couponSeed: "ABCDEFGHJKMN", definition: { actions: [cup], targets: [] } };
    const shop = openShop({ block });
    const nobody = { customerId: "customer_1", provisional: true, name: null, identities: [] };
    const payPart = (transaction: string, amount: number) =>
      shop.apply({
        kind: "capture",
        exact: false,
        capture: {
          ...part(shop),
          id: `SANDBOX:${transaction}`,
          transaction,
          amount,
          attempt: shop.order.attempts.at(-1)?.id ?? null,
          payer: nobody,
        },
      });
    const small = await visit(shop);
    payPart("W-SMALL", 5_980);
    shop.now += 121_000;
    const large = await visit(shop);
    payPart("W-LARGE", 10_000);
    expect(shop.order.conversion?.payer).toEqual(nobody);
    const pages = await Promise.all([small, large].map(async ({ cookie }) => (await open(shop, { cookie })).markup));
    expect(pages.map((markup) => /W-(?:SMALL|LARGE)/.exec(markup)?.[0])).toEqual(["W-SMALL", "W-LARGE"]);
    expect(pages.map((markup) => markup.includes("ABCDEFGHJKMN"))).toEqual([false, true]);
    expect(pages.map((markup) => markup.includes("/claim"))).toEqual([false, true]);
    const claim = async ({ cookie, nonce }: typeof small): Promise<string | null> => {
      const { claimant } = meetVisitor(get(`/c/${shop.slug}`, { cookie }), shop.slug, shop.deps);
      const token = shop.deps.keys.claim(shop.slug, claimant);
      const form = new Request(`https://pay.example/c/${shop.slug}/claim`, {
        method: "POST",
        headers: { cookie },
        body: new URLSearchParams({ nonce, token, phone: "+8613800000001", language: "en" }),
      });
      return (await claimDoor(form, shop.slug, shop.deps)).headers.get("location");
    };
    expect(await claim(small)).toContain("reason=stale");
    expect(await claim(large)).toBe(`/c/${shop.slug}`);
  });

  it("goes on looking while a coupon waits for whoever decides it, and asks nothing again of a payer who goes on with their payment", async () => {
    const cup = {
      key: "cup",
      kind: "COUPON_GRANT",
      name: "Next cup",
      value: "5.00",
      when: { segment: "NEW" },
      onRefund: "KEEP",
    } as const;
    const definition = { identity: { ask: ["PHONE"] }, actions: [cup], targets: [] } as const;
    const shop = openShop({ block: { id: null, version: 1, couponSeed: "ABCDEFGHJKMN", definition } });
    expect((await open(shop)).markup).toContain('name="phone"');
    const { cookie } = await visit(shop);
    const again = (await open(shop, { cookie })).markup;
    expect(again).toContain('name="provider"');
    expect(again).not.toMatch(/name="(?:phone|language)"/);
    shop.pay();
    expect(shop.order.conversion?.decided).toBe(true);
    expect((await open(shop, { cookie })).markup).toContain("data-events");
    shop.apply({ kind: "customer", firstTime: true });
    const settled = (await open(shop, { cookie })).markup;
    expect([settled.includes("ABCDEFGHJKMN"), settled.includes("data-events")]).toEqual([true, false]);
  });

  it("shows the part that is still to pay", async () => {
    const shop = openShop();
    shop.apply({ kind: "capture", exact: false, capture: { ...part(shop), amount: 10_000 } });
    const { markup } = await open(shop);
    expect(markup).toContain("Already received");
    expect(markup).toContain("Pay CN¥59.80");
  });

  it("says that money of another currency is being checked", async () => {
    const shop = openShop();
    shop.apply({ kind: "capture", exact: false, capture: { ...part(shop), currency: "USD" as never } });
    expect((await open(shop)).markup).toContain("Received, being checked");
  });

  it("says that a code has expired, or was cancelled, and that late money goes back", async () => {
    const expired = openShop({ policy: { ...openShop().order.terms.policy, latePayment: "REFUND" } });
    expired.now += 3_600_000;
    expired.apply({ kind: "tick" });
    expect((await open(expired)).markup).toContain("This code has expired");
    expired.apply({ kind: "capture", exact: false, capture: { ...part(expired), paidAt: expired.now } });
    expect((await open(expired)).markup).toContain("goes back the way it came");
    const cancelled = openShop();
    cancelled.apply({ kind: "cancel", reason: "a secret reason" });
    const { markup } = await open(cancelled);
    expect(markup).toContain("This order was cancelled");
    expect(markup).not.toContain("a secret reason");
  });

  it("asks for a moment while the provider is asked before expiring", async () => {
    const shop = openShop();
    begin(shop);
    shop.now += 3_600_000;
    shop.apply({ kind: "tick" });
    const { markup } = await open(shop);
    expect(markup).toContain("asking whether a payment still got through");
    expect(markup).not.toContain(`name="provider"`);
  });

  it("never tells the target before the order is paid", async () => {
    const shop = openShop({ target: { kind: "URL", url: "https://club.example/secret-benefit" } });
    const pages: string[] = [(await open(shop)).markup];
    begin(shop);
    pages.push((await open(shop)).markup);
    expect(pages.join("")).not.toContain("club.example");
    shop.pay();
    expect((await open(shop)).markup).toContain("https://club.example/secret-benefit");
  });

  it("makes no link of a target that is a script", async () => {
    const shop = openShop({ target: { kind: "URL", url: "javascript:alert(1)" } });
    shop.pay();
    expect((await open(shop)).markup).not.toContain("javascript:");
  });
});

describe("what others wrote", () => {
  const attacks = [
    `<script>alert(1)</script>`,
    `"><img src=x onerror=alert(1)>`,
    `'><svg/onload=alert(1)>`,
    `</title><script>alert(1)</script>`,
    `</style><script>alert(1)</script>`,
    `</noscript><script>alert(1)</script>`,
    `<!--<script>`,
    `]]><script>alert(1)</script>`,
    `{{constructor.constructor('alert(1)')()}}`,
    "${alert(1)}",
    `&lt;script&gt;alert(1)&lt;/script&gt;`,
    `<math><mtext></mtext><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
    `\u0000<script\u0000>alert(1)</script>`,
    `＜script＞alert(1)＜/script＞`,
    `<a href="javascript:alert(1)">x</a>`,
    `<iframe srcdoc="<script>alert(1)</script>">`,
    `<base href="https://evil.example/">`,
    `<meta http-equiv=refresh content="0;url=https://evil.example">`,
  ];
  const tagsOf = (markup: string) =>
    [...markup.replace(/<style>[\s\S]*?<\/style>/, "").matchAll(/<\/?([a-z][a-z0-9]*)/gi)].map((match) => match[1]);

  it.each(attacks)("stays text: %s", async (attack) => {
    const lines = [{ productId: null, name: attack, quantity: 1, unitPrice: 15_980 }];
    const shop = (name: string, lineName: string) => {
      const made = openShop({
        merchantName: name,
        number: name,
        lines: lines.map((line) => ({ ...line, name: lineName })),
        subtotal: 15_980,
        discount: 0,
      });
      return made;
    };
    const calm = await open(shop("x", "x"));
    const { markup } = await open(shop(attack, attack));
    expect(tagsOf(markup)).toEqual(tagsOf(calm.markup));
    const paid = shop(attack, attack);
    const { cookie } = await visit(paid);
    paid.pay(attack);
    const paidCalm = shop("x", "x");
    const { cookie: calmCookie } = await visit(paidCalm);
    paidCalm.pay("x");
    expect(tagsOf((await open(paid, { cookie })).markup)).toEqual(
      tagsOf((await open(paidCalm, { cookie: calmCookie })).markup),
    );
  });

  it("cuts names that fill the page", async () => {
    const long = "茶".repeat(10_000);
    const { markup } = await open(
      openShop({
        merchantName: long,
        lines: Array.from({ length: 100 }, () => ({ productId: null, name: long, quantity: 1, unitPrice: 1 })),
      }),
    );
    expect(markup).not.toContain("茶".repeat(201));
    expect(markup.length).toBeLessThan(100_000);
  });

  it("takes out what turns text around, and keeps each name to itself", async () => {
    const { markup } = await open(
      openShop({
        merchantName: "\u202eesuoH aeT\u2066",
        lines: [{ productId: null, name: "شاي\u202c\u200f", quantity: 1, unitPrice: 15_980 }],
      }),
    );
    expect(markup).not.toMatch(/[\u202a-\u202e\u2066\u2067\u200e\u200f]/);
    expect(markup).toContain("<bdi>esuoH aeT</bdi>");
    expect(markup).toContain("<bdi>شاي</bdi>");
  });

  it("flattens letters stacked to the sky", async () => {
    const { markup } = await open(openShop({ merchantName: `Z${"\u0301".repeat(5_000)}algo` }));
    expect(markup).not.toMatch(/\u0301{5}/);
  });
});

/** Opens the page, then begins to pay with that browser. */
async function visit(shop: Shop) {
  const { payDoor } = await import("../../src/edge/pay.ts");
  const { answer, markup } = await open(shop);
  const { cookie, nonce } = meet(answer, markup);
  const form = new Request(`https://pay.example/c/${shop.slug}/pay`, {
    method: "POST",
    headers: { cookie },
    body: new URLSearchParams({ nonce, provider: "SANDBOX" }),
  });
  expect((await payDoor(form, shop.slug, shop.deps)).headers.get("location")).toMatch(/^\/sandbox\/wallet\//);
  return { cookie, nonce };
}

const part = (shop: Shop) => ({
  id: "SANDBOX:W-9",
  provider: "SANDBOX" as const,
  account: "account_1",
  transaction: "W-9",
  attempt: null,
  amount: shop.order.terms.total,
  currency: shop.order.terms.currency,
  paidAt: shop.now,
  payer: { customerId: "customer_1", provisional: true, name: null, identities: [] },
});
