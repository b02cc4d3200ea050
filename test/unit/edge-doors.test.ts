/** Scanning and paying at the door: who counts, who is let in, and what a guess learns. */
import { Script } from "node:vm";
import { Hono } from "hono";
import { describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { err, ok } from "../../src/core/result.ts";
import { stateOf } from "../../src/core/state.ts";
import { effectsOf } from "../../src/core/work.ts";
import { deriveKeys } from "../../src/keys/root.ts";
import { answerScan, mountEdge } from "../../src/edge/routes.ts";
import { get, meet, openShop, origin, phone, type Shop } from "./edge-fixture.ts";

const doors = (shop: Shop) => {
  const app = new Hono();
  mountEdge(app, () => shop.deps);
  return (request: Request) => app.fetch(request);
};

async function openPage(shop: Shop) {
  const answer = await doors(shop)(get(`/c/${shop.slug}`));
  return meet(answer, await answer.text());
}

type Post = { fields?: Record<string, string> | string; headers?: Record<string, string>; slug?: string };
const post = async (shop: Shop, { fields = {}, headers = {}, slug = shop.slug }: Post) =>
  doors(shop)(
    new Request(`${origin}/c/${slug}/pay`, {
      method: "POST",
      headers: { "user-agent": phone, "content-type": "application/x-www-form-urlencoded", ...headers },
      body: typeof fields === "string" ? fields : new URLSearchParams(fields).toString(),
    }),
  );

describe("a scan", () => {
  it("leads on with one object call, uncached and without a cookie", async () => {
    const shop = openShop({}, "https://shop.example/checkout?order=1");
    const answer = await answerScan(get(`/c/${shop.slug}`), () => shop.deps);
    expect(answer?.status).toBe(302);
    expect(answer?.headers.get("location")).toBe("https://shop.example/checkout?order=1");
    expect(answer?.headers.get("cache-control")).toBe("no-store");
    expect(answer?.headers.get("set-cookie")).toBeNull();
    expect([shop.calls, shop.scans]).toEqual([1, 1]);
  });

  const forged: [string, (slug: string) => string][] = [
    ["empty", () => ""],
    ["too short", (slug) => slug.slice(0, -1)],
    ["too long", (slug) => `${slug}0`],
    ["lower case", (slug) => slug.toLowerCase()],
    ["another tag", (slug) => slug.slice(0, -1) + (slug.endsWith("0") ? "1" : "0")],
    ["another key", (slug) => (slug.startsWith("0") ? "1" : "0") + slug.slice(1)],
    ["letters outside the alphabet", (slug) => `${slug.slice(0, -1)}U`],
    ["the key alone", (slug) => slug.slice(0, 16)],
    ["the tag alone", (slug) => slug.slice(16)],
    ["an order id", (slug) => `order_${slug.slice(0, 16)}`],
    ["percent signs", (slug) => `%${slug}`],
    ["an escaped letter", (slug) => `%${slug.charCodeAt(0).toString(16)}${slug.slice(1)}`],
    ["a null byte", (slug) => `${slug}%00`],
    ["a line break", (slug) => `${slug}%0A`],
    ["path climbing", (slug) => `..%2F${slug}`],
    ["full-width letters", (slug) => encodeURIComponent(slug.replaceAll("0", "０"))],
    ["huge", (slug) => slug.repeat(300)],
    ["script", () => "%3Cscript%3E"],
    [
      "made with another secret",
      () => {
        const other = deriveKeys("another secret that has at least 32 characters");
        return other.slug(openShop().key);
      },
    ],
  ];
  it.each(forged)("with a forged slug (%s) is answered like any other, and touches nothing", async (_, forge) => {
    const shop = openShop();
    const seen = async (slug: string, method = "GET") => {
      const answer = await doors(shop)(get(`/c/${slug}`, {}, method));
      return { status: answer.status, headers: [...answer.headers], body: await answer.text() };
    };
    const unknown = await seen(shop.deps.keys.slug("0000000000000000" as never));
    expect(unknown.status).toBe(404);
    const before = shop.calls;
    const answered = await seen(forge(shop.slug));
    expect(answered).toEqual(unknown);
    for (const part of ["pay", "events", "qr.svg", "qr.png", "anything"]) {
      const method = part === "pay" ? "POST" : "GET";
      const answer = await doors(shop)(get(`/c/${forge(shop.slug)}/${part}`, {}, method));
      expect({ status: answer.status, headers: [...answer.headers], body: await answer.text() }).toEqual(unknown);
    }
    expect(shop.calls).toBe(before);
  });

  const nobody: [string, Record<string, string>, string?][] = [
    ["Googlebot", { "user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)" }],
    ["bingbot", { "user-agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)" }],
    [
      "Baiduspider",
      { "user-agent": "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)" },
    ],
    ["YandexBot", { "user-agent": "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)" }],
    ["WhatsApp", { "user-agent": "WhatsApp/2.23.20.0" }],
    ["Telegram", { "user-agent": "TelegramBot (like TwitterBot)" }],
    ["Facebook", { "user-agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)" }],
    [
      "iMessage",
      {
        "user-agent":
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
      },
    ],
    ["Slack", { "user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)" }],
    ["Discord", { "user-agent": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)" }],
    [
      "LinkedIn",
      { "user-agent": "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)" },
    ],
    ["Skype", { "user-agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5" }],
    ["DingTalk", { "user-agent": "DingTalkBot-LinkService/1.0 (+https://open-doc.dingtalk.com)" }],
    ["an absurd user agent", { "user-agent": `Mozilla/5.0 ${"x".repeat(5_000)}` }],
    ["a prefetch", { "sec-purpose": "prefetch" }],
    ["a prerender", { "sec-purpose": "prefetch;prerender" }],
    ["a prefetch through a proxy", { "sec-purpose": "prefetch;anonymous-client-ip" }],
    ["an old prefetch", { purpose: "prefetch" }],
    ["a Safari preview", { "x-purpose": "preview" }],
    ["a Firefox prefetch", { "x-moz": "prefetch" }],
    ["an image of somebody's page", { "sec-fetch-dest": "image", "sec-fetch-site": "cross-site" }],
    ["our own page, once more", { "sec-fetch-site": "same-origin", "sec-fetch-dest": "document" }],
    ["HEAD", {}, "HEAD"],
  ];
  it.each(nobody)("by %s shows the page and counts nothing", async (_, headers, method = "GET") => {
    const shop = openShop();
    const answer = await doors(shop)(get(`/c/${shop.slug}`, headers, method));
    expect([answer.status, shop.scans]).toEqual([200, 0]);
  });

  it.each([
    ["an iPhone", phone],
    [
      "WeChat",
      "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 XWEB/1200 MMWEBSDK/2024 MicroMessenger/8.0.47",
    ],
    [
      "Alipay",
      "Mozilla/5.0 (Linux; U; Android 13; zh-CN) AppleWebKit/537.36 Chrome/100.0 Mobile Safari/537.36 AlipayDefined AlipayClient/10.5.0",
    ],
    [
      "a phone whose maker is called Cubot",
      "Mozilla/5.0 (Linux; Android 12; CUBOT P60) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    ],
    [
      "a browser that a test drives",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0 Safari/537.36",
    ],
    ["curl", "curl/8.5.0"],
    ["a script", "node"],
    ["a library", "python-requests/2.32"],
    ["a client that says nothing of itself", ""],
  ])("by %s counts once", async (_, agent) => {
    const shop = openShop();
    await doors(shop)(
      get(`/c/${shop.slug}`, { "user-agent": agent, "sec-fetch-site": "none", "sec-fetch-dest": "document" }),
    );
    expect(shop.scans).toBe(1);
  });

  it("changes nothing about the order, by whatever method and however often", async () => {
    const shop = openShop();
    const before = structuredClone(shop.order);
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
      for (let times = 0; times < 5; times += 1)
        await doors(shop)(get(`/c/${shop.slug}?reason=busy&lang=en`, {}, method));
    expect(shop.order).toEqual(before);
  });
});

describe("paying", () => {
  it("leads to the provider, with what it needs to come back", async () => {
    const shop = openShop();
    const { cookie, nonce } = await openPage(shop);
    const answer = await post(shop, {
      fields: { nonce, provider: "SANDBOX" },
      headers: { cookie, "sec-fetch-site": "same-origin" },
    });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe(`/sandbox/wallet/${shop.order.attempts[0]?.id}`);
    expect(shop.asked).toEqual([
      {
        payment: shop.order.attempts[0]?.id,
        order: shop.key,
        amount: 15_980,
        currency: "CNY",
        description: "Tea House · 1042",
        returnUrl: `${origin}/c/${shop.slug}`,
        notificationUrl: `${origin}/payments/sandbox/account_1/notifications`,
        expiresAt: shop.order.expiresAt,
        startedAt: shop.now,
        reference: null,
        device: {
          scene: "PHONE",
          address: null,
          grantUrl: `${origin}/c/${shop.slug}/wallet?provider=SANDBOX`,
          grantState: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
          grant: null,
        },
      },
    ]);
    expect(shop.order.attempts[0]?.claimant).not.toContain(cookie.slice(6));
  });

  it("twice at once is paying once", async () => {
    const shop = openShop();
    const { cookie, nonce } = await openPage(shop);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } })),
    );
    expect(new Set(answers.map((answer) => answer.headers.get("location"))).size).toBe(1);
    expect(shop.order.attempts).toHaveLength(1);
    expect(new Set(shop.asked.map(({ payment }) => payment)).size).toBe(1);
  });

  it("takes a multipart form as well", async () => {
    const shop = openShop();
    const { cookie, nonce } = await openPage(shop);
    const body = new FormData();
    body.set("nonce", nonce);
    body.set("provider", "SANDBOX");
    const answer = await doors(shop)(
      new Request(`${origin}/c/${shop.slug}/pay`, { method: "POST", headers: { cookie }, body }),
    );
    expect(answer.headers.get("location")).toMatch(/^\/sandbox\/wallet\//);
  });

  it("remembers what the provider calls the payment", async () => {
    const shop = openShop();
    shop.provider = () => ok({ redirectUrl: "https://wallet.example/pay/7", reference: "their-7" });
    const { cookie, nonce } = await openPage(shop);
    const answer = await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } });
    expect(answer.headers.get("location")).toBe("https://wallet.example/pay/7");
    expect(shop.order.attempts[0]?.reference).toBe("their-7");
  });

  it.each([
    ["without a nonce", "stale", () => ({ fields: { provider: "SANDBOX" } })],
    ["with another's nonce", "stale", () => ({ fields: { provider: "SANDBOX", nonce: "0".repeat(26) } })],
    ["with an empty nonce", "stale", () => ({ fields: { provider: "SANDBOX", nonce: "" } })],
    [
      "without the cookie",
      "stale",
      (nonce: string) => ({ fields: { provider: "SANDBOX", nonce }, headers: { cookie: "" } }),
    ],
    [
      "with another browser's cookie",
      "stale",
      (nonce: string) => ({ fields: { provider: "SANDBOX", nonce }, headers: { cookie: `huoma=${"1".repeat(26)}` } }),
    ],
    [
      "from another site",
      "stale",
      (nonce: string) => ({ fields: { provider: "SANDBOX", nonce }, headers: { "sec-fetch-site": "cross-site" } }),
    ],
    [
      "from a sister site",
      "stale",
      (nonce: string) => ({ fields: { provider: "SANDBOX", nonce }, headers: { "sec-fetch-site": "same-site" } }),
    ],
    [
      "through a provider the merchant lacks",
      "provider",
      (nonce: string) => ({ fields: { provider: "ALIPAY", nonce } }),
    ],
    ["through nothing that exists", "provider", (nonce: string) => ({ fields: { provider: "__proto__", nonce } })],
    ["by hand", "provider", (nonce: string) => ({ fields: { provider: "MANUAL", nonce } })],
    [
      "as JSON",
      "form",
      (nonce: string) => ({ fields: JSON.stringify({ nonce }), headers: { "content-type": "application/json" } }),
    ],
  ] as [string, string, (nonce: string) => Post][])("%s changes nothing and says why", async (_, reason, make) => {
    const shop = openShop();
    const { cookie, nonce } = await openPage(shop);
    const before = shop.order;
    const { fields, headers } = make(nonce);
    const answer = await post(shop, { fields: fields ?? {}, headers: { cookie, ...headers } });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe(`/c/${shop.slug}?reason=${reason}`);
    expect(shop.order).toBe(before);
    expect(shop.asked).toEqual([]);
  });

  it("takes no nonce of another code", async () => {
    const shop = openShop();
    const { cookie } = await openPage(shop);
    const nonce = shop.deps.keys.nonce("ANOTHERCODE", cookie.slice(6));
    expect(
      (await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } })).headers.get("location"),
    ).toContain("stale");
  });

  it("refuses a form that is too large, whatever it announces", async () => {
    const shop = openShop();
    const body = `name=${"x".repeat(limits.formBytesMax)}`;
    expect((await post(shop, { fields: body })).status).toBe(413);
    const chunks = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(body));
        controller.close();
      },
    });
    const streamed = new Request(`${origin}/c/${shop.slug}/pay`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: chunks,
      duplex: "half",
    } as RequestInit);
    expect((await doors(shop)(streamed)).status).toBe(413);
  });

  it("by a second person is refused while the first holds the code", async () => {
    const shop = openShop();
    shop.apply({ kind: "begin", claimant: "somebody", account: "account_1" });
    const { cookie } = await openPage(shop);
    const nonce = shop.deps.keys.nonce(shop.slug, cookie.slice(6));
    expect(
      (await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } })).headers.get("location"),
    ).toBe(`/c/${shop.slug}?reason=busy`);
  });

  it("an order that is paid leads back to the page", async () => {
    const shop = openShop();
    const { cookie, nonce } = await openPage(shop);
    shop.pay();
    expect(
      (await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } })).headers.get("location"),
    ).toBe(`/c/${shop.slug}?reason=state`);
  });

  it("through a provider that says no has failed, and may be tried again as a new payment", async () => {
    const shop = openShop();
    shop.provider = () => err({ reason: "REFUSED", message: "account closed" });
    const { cookie, nonce } = await openPage(shop);
    const answer = await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } });
    expect(answer.headers.get("location")).toBe(`/c/${shop.slug}?reason=refused`);
    expect(shop.order.attempts.map(({ state }) => state)).toEqual(["FAILED"]);
    // Nothing was made, so nothing is looked after.
    expect(effectsOf(shop.order)).toEqual([]);
    shop.provider = ({ payment }) => ok({ redirectUrl: `/sandbox/wallet/${payment}`, reference: null });
    await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } });
    expect(shop.order.attempts.map(({ state }) => state)).toEqual(["FAILED", "PENDING"]);
  });

  it("through a provider that does not answer stays open: the next try asks for the same payment", async () => {
    const shop = openShop();
    shop.provider = () => err({ reason: "UNAVAILABLE", message: "timeout" });
    const { cookie, nonce } = await openPage(shop);
    const answer = await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } });
    expect(answer.headers.get("location")).toBe(`/c/${shop.slug}?reason=unavailable`);
    expect(stateOf(shop.order, shop.now)).toBe("PAYING");
    shop.provider = ({ payment }) => ok({ redirectUrl: `/sandbox/wallet/${payment}`, reference: null });
    await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } });
    expect(shop.order.attempts).toHaveLength(1);
    expect(new Set(shop.asked.map(({ payment }) => payment)).size).toBe(1);
  });

  it("brings the payer back to the page when something breaks", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const shop = openShop();
    shop.provider = () => {
      throw new Error("the object is overloaded");
    };
    const { cookie, nonce } = await openPage(shop);
    expect(
      (await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } })).headers.get("location"),
    ).toBe(`/c/${shop.slug}?reason=unavailable`);
    expect(JSON.stringify(log.mock.calls)).not.toContain(shop.slug);
    log.mockRestore();
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "http://wallet.example/", "//", "https://"])(
    "never leads to %s",
    async (redirectUrl) => {
      const shop = openShop();
      shop.provider = () => ok({ redirectUrl, reference: null });
      const { cookie, nonce } = await openPage(shop);
      const location = (await post(shop, { fields: { nonce, provider: "SANDBOX" }, headers: { cookie } })).headers.get(
        "location",
      );
      expect(location).toBe(`/c/${shop.slug}?reason=unavailable`);
    },
  );
});

describe("the other doors", () => {
  it("serve each script under the hash of its content, for good, and nothing else", async () => {
    const shop = openShop();
    const open = doors(shop);
    const page = await (await open(get(`/c/${shop.slug}`))).text();
    const terminal = await (await open(get("/terminal"))).text();
    for (const markup of [page, terminal]) {
      const path = /src="(\/assets\/[\w-]+\.js)"/.exec(markup)?.[1] ?? "";
      const answer = await open(get(path));
      expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
      expect(answer.headers.get("cache-control")).toContain("immutable");
      const script = await answer.text();
      expect(() => new Script(script)).not.toThrow();
    }
    expect((await open(get("/assets/watch-0000000000000000.js"))).status).toBe(404);
  });

  it("say that the Worker is well", async () => {
    const answer = await doors(openShop())(get("/healthz"));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ ok: true });
  });

  it("open the terminal in both languages, with the same strict policy", async () => {
    const open = doors(openShop());
    const english = await open(get("/terminal", { "accept-language": "en" }));
    expect(english.headers.get("content-security-policy")).toContain("script-src 'self'");
    expect(await english.text()).toContain("API key");
    expect(await (await open(get("/terminal?lang=zh-CN"))).text()).toContain("收银台");
  });
});
