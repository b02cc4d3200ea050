/** Any wallet may scan a code: what each is offered, and the steps that no redirect can make. */
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { Currency } from "../../src/core/money.ts";
import type { PaymentProvider, Scene } from "../../src/core/order.ts";
import { err, ok } from "../../src/core/result.ts";
import { isOpenAttempt } from "../../src/core/attempts.ts";
import { limits } from "../../src/core/limits.ts";
import { stateOf } from "../../src/core/state.ts";
import { allowedActions } from "../../src/core/transitions.ts";
import { mountEdge } from "../../src/edge/routes.ts";
import { choiceIn, sceneOf } from "../../src/edge/wallets.ts";
import type { BegunPayment } from "../../src/payments/provider.ts";
import { get, meet, openShop, origin, phone, type Shop } from "./edge-fixture.ts";

const agents: Record<Scene, readonly string[]> = {
  IN_WECHAT: [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.54(0x18003630) NetType/WIFI Language/zh_CN",
    "Mozilla/5.0 (Linux; Android 14; V2324A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.103 Mobile Safari/537.36 XWEB/1300 MMWEBSDK/20240404 MicroMessenger/8.0.49.2600(0x28003137) WeChat/arm64",
    "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090c11)",
  ],
  IN_ALIPAY: [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F79 ChannelId(25) NebulaX/1.0.0 AlipayDefined(nt:WIFI) AliApp(AP/10.6.60.8000) AlipayClient/10.6.60.8000 Language/zh-Hans",
  ],
  PHONE: [
    phone,
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/604.1",
  ],
  DESKTOP: [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "curl/8.9.1",
    "",
  ],
};
const agentOf = (scene: Scene): string => agents[scene][0] ?? "";
const accounts = (...providers: PaymentProvider[]) =>
  providers.map((provider, index) => ({ id: `account_${index + 1}`, provider }));
const every = accounts("STRIPE", "WECHAT_PAY", "ALIPAY", "MANUAL", "STRIPE");
const yuan = "CNY" as Currency;

describe("the wallet around a page", () => {
  it.each(Object.entries(agents))("is %s by its user agent", (scene, names) => {
    for (const agent of names) expect(sceneOf(get("/c/X", { "user-agent": agent }))).toBe(scene);
  });

  it("decides what can be paid with there", () => {
    const nothing = { elsewhere: [], unserved: null };
    expect(choiceIn("IN_WECHAT", every, yuan)).toEqual({ ...nothing, here: ["WECHAT_PAY"] });
    expect(choiceIn("IN_ALIPAY", every, yuan)).toEqual({ ...nothing, here: ["ALIPAY"] });
    for (const scene of ["PHONE", "DESKTOP"] as const)
      expect(choiceIn(scene, every, yuan)).toEqual({ ...nothing, here: ["STRIPE", "WECHAT_PAY", "ALIPAY"] });
    expect(choiceIn("IN_WECHAT", accounts("ALIPAY", "STRIPE"), yuan)).toEqual({
      here: ["STRIPE"],
      elsewhere: ["ALIPAY"],
      unserved: { provider: "WECHAT_PAY", taken: false },
    });
    expect(choiceIn("IN_ALIPAY", accounts("WECHAT_PAY"), yuan)).toEqual({
      here: [],
      elsewhere: ["WECHAT_PAY"],
      unserved: { provider: "ALIPAY", taken: false },
    });
    // The merchant takes it, but what was pinned of its account says that nobody can pay by it here.
    const crippled = every.map((one) =>
      one.provider === "WECHAT_PAY" ? { ...one, unableIn: ["IN_WECHAT" as const] } : one,
    );
    expect(choiceIn("IN_WECHAT", crippled, yuan)).toEqual({
      here: ["STRIPE"],
      elsewhere: ["WECHAT_PAY", "ALIPAY"],
      unserved: { provider: "WECHAT_PAY", taken: true },
    });
    expect(choiceIn("PHONE", crippled, yuan)).toEqual({ ...nothing, here: ["STRIPE", "WECHAT_PAY", "ALIPAY"] });
    // One able account of the merchant's is enough.
    expect(choiceIn("IN_WECHAT", [...crippled, ...accounts("WECHAT_PAY")], yuan)).toEqual({
      ...nothing,
      here: ["WECHAT_PAY"],
    });
    // A wallet that could not be paid with is not the only way any more.
    const failed = new Set<PaymentProvider>(["WECHAT_PAY"]);
    expect(choiceIn("IN_WECHAT", every, yuan, failed)).toEqual({
      here: ["WECHAT_PAY", "STRIPE"],
      elsewhere: ["ALIPAY"],
      unserved: null,
    });
    expect(choiceIn("IN_ALIPAY", every, yuan, failed)).toEqual({ ...nothing, here: ["ALIPAY"] });
    expect(choiceIn("IN_WECHAT", accounts("WECHAT_PAY"), yuan, failed)).toEqual({ ...nothing, here: ["WECHAT_PAY"] });
    expect(choiceIn("PHONE", every, "EUR" as Currency).here).toEqual(["STRIPE"]);
    expect(choiceIn("IN_WECHAT", every, "EUR" as Currency)).toMatchObject({
      here: ["STRIPE"],
      unserved: { provider: "WECHAT_PAY", taken: false },
    });
  });
});

const doors = (shop: Shop) => {
  const app = new Hono();
  mountEdge(app, () => shop.deps);
  return (request: Request) => app.fetch(request);
};
const open = async (shop: Shop, scene: Scene) => {
  const answer = await doors(shop)(get(`/c/${shop.slug}`, { "user-agent": agentOf(scene) }));
  const markup = await answer.text();
  return { answer, markup, ...meet(answer, markup) };
};
const pay = (shop: Shop, cookie: string, fields: Record<string, string>, scene: Scene = "PHONE") =>
  doors(shop)(
    new Request(`${origin}/c/${shop.slug}/pay`, {
      method: "POST",
      headers: {
        "user-agent": agentOf(scene),
        "content-type": "application/x-www-form-urlencoded",
        "cf-connecting-ip": "203.0.113.7",
        cookie,
      },
      body: new URLSearchParams(fields).toString(),
    }),
  );
const step = (shop: Shop, location: string, cookie: string) => doors(shop)(get(location, { cookie }));

describe("the payer page", () => {
  it("offers one way where one fits, a choice where several do, and says what works where none does", async () => {
    const shop = openShop({ accounts: every });
    const buttons = (markup: string) => [...markup.matchAll(/name="provider" value="(\w+)"/g)].map(([, name]) => name);
    expect(buttons((await open(shop, "IN_WECHAT")).markup)).toEqual(["WECHAT_PAY"]);
    expect(buttons((await open(shop, "IN_ALIPAY")).markup)).toEqual(["ALIPAY"]);
    expect(buttons((await open(shop, "PHONE")).markup)).toEqual(["STRIPE", "WECHAT_PAY", "ALIPAY"]);
    const stranded = await open(openShop({ accounts: accounts("ALIPAY") }), "IN_WECHAT");
    expect(buttons(stranded.markup)).toEqual([]);
    expect(stranded.markup).toContain("This merchant does not take WeChat Pay.");
    expect(stranded.markup).toContain(
      "To pay with Alipay, open this page in your browser, or scan the code with Alipay.",
    );
  });

  it("offers what else there is once the wallet around it has refused", async () => {
    const shop = openShop({ accounts: accounts("STRIPE", "WECHAT_PAY") });
    const { cookie, nonce } = await open(shop, "IN_WECHAT");
    shop.provider = () => err({ reason: "REFUSED", message: "without the app secret nobody can pay inside WeChat" });
    const refused = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" }, "IN_WECHAT");
    expect(refused.headers.get("location")).toBe(`/c/${shop.slug}?reason=refused`);
    const again = await doors(shop)(get(`/c/${shop.slug}`, { "user-agent": agentOf("IN_WECHAT"), cookie }));
    const markup = await again.text();
    expect([...markup.matchAll(/name="provider" value="(\w+)"/g)].map(([, name]) => name)).toEqual([
      "WECHAT_PAY",
      "STRIPE",
    ]);
    shop.provider = () => ok({ redirectUrl: "https://checkout.stripe.com/c/1", reference: "cs_1" });
    const paid = await pay(shop, cookie, { nonce, provider: "STRIPE" }, "IN_WECHAT");
    expect(paid.headers.get("location")).toBe("https://checkout.stripe.com/c/1");
  });

  it("leads nobody to an account that cannot be paid with where they are, and takes another of the same wallet that can", async () => {
    const [able] = accounts("WECHAT_PAY");
    const unable = { id: "account_9", provider: "WECHAT_PAY" as const, unableIn: ["IN_WECHAT" as const] };
    const alone = openShop({ accounts: [unable, ...accounts("STRIPE")] });
    const { markup, cookie, nonce } = await open(alone, "IN_WECHAT");
    expect([...markup.matchAll(/name="provider" value="(\w+)"/g)].map(([, name]) => name)).toEqual(["STRIPE"]);
    expect(markup).toContain("WeChat Pay cannot be used inside this app here.");
    expect(markup).toContain("To pay with WeChat Pay, open this page in your browser.");
    const forced = await pay(alone, cookie, { nonce, provider: "WECHAT_PAY" }, "IN_WECHAT");
    expect(forced.headers.get("location")).toBe(`/c/${alone.slug}?reason=provider`);
    expect([alone.order.attempts, alone.asked]).toEqual([[], []]);
    const two = openShop({ accounts: [unable, ...(able ? [able] : [])] });
    two.provider = () => ok({ redirectUrl: "https://open.weixin.qq.com/x", reference: null });
    const met = await open(two, "IN_WECHAT");
    await pay(two, met.cookie, { nonce: met.nonce, provider: "WECHAT_PAY" }, "IN_WECHAT");
    expect(two.order.attempts).toMatchObject([{ account: "account_1" }]);
  });

  it("uses up nothing of the order when a provider refuses, and no longer offers one that ever refuses", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY", "STRIPE") });
    shop.provider = ({ payment }) =>
      shop.order.attempts.find(({ id }) => id === payment)?.provider === "STRIPE"
        ? ok({ redirectUrl: "https://checkout.stripe.com/c/1", reference: "cs_1" })
        : err({ reason: "REFUSED", message: "no such app" });
    const { cookie, nonce } = await open(shop, "PHONE");
    for (let press = 0; press < limits.refusalsPerAccountMax; press += 1)
      await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" });
    expect(shop.order.attempts.every(({ refused }) => refused)).toBe(true);
    const again = await doors(shop)(get(`/c/${shop.slug}`, { "user-agent": agentOf("PHONE"), cookie }));
    const offered = [...(await again.text()).matchAll(/name="provider" value="(\w+)"/g)].map(([, name]) => name);
    expect(offered).toEqual(["STRIPE"]);
    const paid = await pay(shop, cookie, { nonce, provider: "STRIPE" });
    expect(paid.headers.get("location")).toBe("https://checkout.stripe.com/c/1");
  });

  it("offers and tries what may still be tried, though others of the same wallet rest", async () => {
    const [alipay, refusedOnce, untried] = accounts("ALIPAY", "STRIPE", "STRIPE");
    const shop = openShop({ accounts: [alipay, refusedOnce, untried].filter((one) => one !== undefined) });
    shop.provider = ({ payment }) =>
      shop.order.attempts.find(({ id }) => id === payment)?.account === untried?.id
        ? ok({ redirectUrl: "https://checkout.stripe.com/c/1", reference: "cs_1" })
        : err({ reason: "REFUSED", message: "no such app" });
    const { cookie, nonce } = await open(shop, "PHONE");
    await pay(shop, cookie, { nonce, provider: "STRIPE" });
    for (let press = 1; press < limits.refusedAttemptsPerOrderMax; press += 1)
      await pay(shop, cookie, { nonce, provider: "ALIPAY" });
    expect(allowedActions(shop.order, shop.now)).toContain("PAY");
    const again = await doors(shop)(get(`/c/${shop.slug}`, { "user-agent": agentOf("PHONE"), cookie }));
    const offered = [...(await again.text()).matchAll(/name="provider" value="(\w+)"/g)].map(([, name]) => name);
    expect(offered).toEqual(["STRIPE"]);
    const paid = await pay(shop, cookie, { nonce, provider: "STRIPE" });
    expect(paid.headers.get("location")).toBe("https://checkout.stripe.com/c/1");
  });

  it("lets its form be led on to any provider's site, and to nothing worse", async () => {
    const { answer } = await open(openShop(), "PHONE");
    expect(answer.headers.get("content-security-policy")).toContain("form-action 'self' https: http:;");
    expect(answer.headers.get("vary")).toContain("user-agent");
  });
});

describe("a step that no redirect can make", () => {
  const begin = async (begun: BegunPayment) => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    shop.provider = () => ok(begun);
    const { cookie, nonce } = await open(shop, "DESKTOP");
    const answer = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" }, "DESKTOP");
    return { shop, cookie, nonce, answer, location: answer.headers.get("location") ?? "" };
  };

  it("shows a code to scan, keeps watching, and offers to begin afresh", async () => {
    const { shop, cookie, answer, location } = await begin({
      scanText: "weixin://wxpay/bizpayurl?pr=abc",
      reference: "C",
    });
    expect(answer.status).toBe(303);
    expect(location).toMatch(new RegExp(`^/c/${shop.slug}/wallet\\?`));
    const shown = await step(shop, location, cookie);
    const markup = await shown.text();
    expect(shown.status).toBe(200);
    expect(shown.headers.get("cache-control")).toBe("no-store");
    expect(markup).toContain("Scan with WeChat Pay");
    expect(markup).toContain("CN¥159.80");
    expect(markup).toContain("<svg");
    expect(markup).toContain(`data-events="/c/${shop.slug}/events"`);
    expect(markup).toContain(`name="afresh" value="1"`);
    expect(markup).not.toMatch(/<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=/);
    expect(shop.order.attempts[0]?.reference).toBe("C");
  });

  it("hands a payment to the wallet around the page", async () => {
    const invocation = { appId: "wx1", package: "prepay_id=1", paySign: `"><script>` };
    const { shop, cookie, location } = await begin({ invocation, reference: null });
    const markup = await (await step(shop, location, cookie)).text();
    const data = /data-invocation="([^"]*)"/.exec(markup)?.[1] ?? "";
    expect(JSON.parse(data.replaceAll("&quot;", '"').replaceAll("&gt;", ">").replaceAll("&lt;", "<"))).toEqual(
      invocation,
    );
    expect(markup).not.toContain("<script>");
  });

  it("is shown to the browser that asked, as it was sealed, and to nobody else", async () => {
    const { shop, cookie, location } = await begin({ scanText: "weixin://wxpay/1", reference: null });
    const other = await open(shop, "PHONE");
    const forged = [
      [location, ""],
      [location, other.cookie],
      [location.replace("wxpay%2F1", "wxpay%2F2"), cookie],
      [location.replace(/&seal=.*/, ""), cookie],
      [`/c/${shop.slug}/wallet`, cookie],
      [`/c/${shop.slug}/wallet?code=stolen&state=&provider=WECHAT_PAY`, cookie],
    ] as const;
    for (const [path, held] of forged) {
      const answer = await step(shop, path, held);
      expect([path, answer.status, answer.headers.get("location")]).toEqual([
        path,
        303,
        `/c/${shop.slug}?reason=stale`,
      ]);
    }
    expect((await doors(shop)(get(`/c/${shop.slug.slice(0, -1)}0/wallet`))).status).toBe(404);
  });

  /** A payer inside WeChat who was asked who they are, and comes back with the answer. */
  const asked = async (shop: Shop, fields: Record<string, string> = {}) => {
    shop.asksAt = ({ grantUrl, grantState }) => `https://open.weixin.example/?back=${grantUrl}&state=${grantState}`;
    const { cookie, nonce } = await open(shop, "IN_WECHAT");
    const answer = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY", ...fields }, "IN_WECHAT");
    const sent = new URL(answer.headers.get("location") ?? "").searchParams;
    const back = new URL(`${sent.get("back") ?? ""}&code=GRANT1&state=${sent.get("state") ?? ""}`);
    const goesOn = async (): Promise<Response> => {
      const page = await (await step(shop, back.pathname + back.search, cookie)).text();
      expect(page).toContain(`id="goes-on"`);
      const form = Object.fromEntries(
        [...page.matchAll(/name="(\w+)" value="(\w+)"/g)].map(([, name = "", value = ""]) => [name, value]),
      );
      expect(form).toEqual({ nonce, grant: "GRANT1", provider: "WECHAT_PAY" });
      return pay(shop, cookie, form, "IN_WECHAT");
    };
    return { cookie, goesOn };
  };

  it("asks who pays before anything is begun, and brings the grant back as a form of the same browser", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    shop.provider = ({ device }) => ok({ invocation: { package: `for ${device?.grant}` }, reference: "P" });
    const entered = { language: "zh", phone: "13800138000" };
    const { cookie, goesOn } = await asked(shop, entered);
    expect([shop.order.attempts, shop.asked]).toEqual([[], []]);
    // The code is held meanwhile, and nobody else is sent to be asked.
    expect(stateOf(shop.order, shop.now)).toBe("CLAIMED");
    const other = await open(shop, "IN_WECHAT");
    const nonce = shop.deps.keys.nonce(shop.slug, other.cookie.slice("huoma=".length));
    const busy = await pay(shop, other.cookie, { nonce, provider: "WECHAT_PAY" }, "IN_WECHAT");
    expect(busy.headers.get("location")).toBe(`/c/${shop.slug}?reason=busy`);

    const led = await goesOn();
    expect(await (await step(shop, led.headers.get("location") ?? "", cookie)).text()).toContain("for GRANT1");
    expect(shop.order.attempts).toHaveLength(1);
    expect(shop.order.attempts[0]?.said?.identities).toMatchObject([{ kind: "PHONE", value: "13800138000" }]);
    expect(shop.asked.map(({ device }) => device?.address)).toEqual(["203.0.113.7"]);
  });

  it("asks once more where what the grant was for is gone, and never in circles", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    shop.close = (payment) =>
      ok({ state: "NEWS", command: { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null } });
    shop.provider = ({ device }) => ok({ invocation: { package: `for ${device?.grant}` }, reference: "P" });
    const { goesOn } = await asked(shop);
    await goesOn();
    shop.provider = () => err({ reason: "GONE", message: "closed" });
    const again = await goesOn();
    expect(again.headers.get("location")).toContain("https://open.weixin.example/");
    expect(shop.order.attempts).toMatchObject([{ state: "CLOSED" }]);
    expect(stateOf(shop.order, shop.now)).toBe("CLAIMED");
    const tries = shop.asked.length;
    const stuck = await goesOn();
    expect(stuck.headers.get("location")).toBe(`/c/${shop.slug}?reason=unavailable`);
    expect(shop.asked.length - tries).toBe(1);
    expect(shop.order.attempts).toMatchObject([{ state: "CLOSED" }, { state: "CLOSED" }]);
  });

  it("is told at once that the order rests, and is not asked who they are before", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    shop.provider = () => err({ reason: "REFUSED", message: "no such app" });
    const { cookie, nonce } = await open(shop, "PHONE");
    for (let press = 0; press < limits.refusedAttemptsPerOrderMax; press += 1)
      await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" });
    shop.asksAt = () => "https://open.weixin.example/";
    const resting = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" }, "IN_WECHAT");
    expect(resting.headers.get("location")).toBe(`/c/${shop.slug}?reason=limit`);
  });

  it("uses up nothing of the order when the provider refuses whom it has asked", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    shop.provider = () => err({ reason: "REFUSED", message: "no such app" });
    const { goesOn } = await asked(shop);
    expect((await goesOn()).headers.get("location")).toBe(`/c/${shop.slug}?reason=refused`);
    expect(shop.order.attempts).toMatchObject([{ state: "FAILED", refused: true, endedAt: shop.now }]);
  });
});

describe("what a provider made of an attempt", () => {
  const ended = (payment: string) =>
    ok({
      state: "NEWS" as const,
      command: { kind: "ended" as const, attempt: payment, outcome: "CLOSED" as const, reason: null },
    });

  it("is made anew when it is dead, once its end is known, and only once", async () => {
    const shop = openShop({ accounts: accounts("STRIPE") });
    const closed: string[] = [];
    shop.close = (payment) => {
      closed.push(payment);
      return ended(payment);
    };
    shop.provider = ({ payment }) =>
      payment.endsWith("0001")
        ? err({ reason: "GONE", message: "expired" })
        : ok({ redirectUrl: "https://checkout.stripe.com/c/2", reference: "cs_2" });
    const { cookie, nonce } = await open(shop, "PHONE");
    const answer = await pay(shop, cookie, { nonce, provider: "STRIPE" });
    expect(answer.headers.get("location")).toBe("https://checkout.stripe.com/c/2");
    expect(closed).toEqual([shop.order.attempts[0]?.id]);
    expect(shop.order.attempts.map(({ state, reference }) => [state, reference])).toEqual([
      ["CLOSED", null],
      ["PENDING", "cs_2"],
    ]);
    shop.provider = () => err({ reason: "GONE", message: "always" });
    const stuck = await pay(shop, cookie, { nonce, provider: "STRIPE" });
    expect(stuck.headers.get("location")).toBe(`/c/${shop.slug}?reason=unavailable`);
    expect(shop.order.attempts).toHaveLength(3);
  });

  it("is not made anew while nobody knows whether the dead one was paid", async () => {
    const shop = openShop({ accounts: accounts("STRIPE") });
    shop.close = () => err({ reason: "UNAVAILABLE", message: "" });
    shop.provider = () => err({ reason: "GONE", message: "" });
    const { cookie, nonce } = await open(shop, "PHONE");
    expect((await pay(shop, cookie, { nonce, provider: "STRIPE" })).headers.get("location")).toContain(
      "reason=unavailable",
    );
    expect(shop.order.attempts).toHaveLength(1);
  });

  it("is ended there before the payer begins afresh, and leads nobody on when it was ended while it was made", async () => {
    const shop = openShop({ accounts: accounts("STRIPE") });
    const closed: (readonly [string, string | null | undefined])[] = [];
    shop.close = (payment, reference) => {
      closed.push([payment, reference]);
      return ended(payment);
    };
    shop.provider = ({ payment }) =>
      ok({ redirectUrl: "https://checkout.stripe.com/c/1", reference: `cs_${payment.slice(-1)}` });
    const { cookie, nonce } = await open(shop, "PHONE");
    await pay(shop, cookie, { nonce, provider: "STRIPE" });
    await pay(shop, cookie, { nonce, provider: "STRIPE", afresh: "1" });
    const [first, second] = shop.order.attempts;
    expect(closed).toEqual([[first?.id, "cs_1"]]);
    expect([first?.state, second?.state]).toEqual(["CLOSED", "PENDING"]);

    shop.provider = ({ payment }) => {
      shop.apply({ kind: "cancel", reason: null });
      return ok({ redirectUrl: "https://checkout.stripe.com/c/2", reference: `new-${payment.slice(-1)}` });
    };
    const late = await pay(shop, cookie, { nonce, provider: "STRIPE" });
    expect(late.headers.get("location")).toBe(`/c/${shop.slug}?reason=unavailable`);
    expect(closed.at(-1)).toEqual([second?.id, "new-2"]);
    expect(shop.order.attempts.filter(isOpenAttempt)).toEqual([]);
  });

  it("and gave no name is ended there too, when the order was ended while it was made, and leads nobody on", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    const closed: string[] = [];
    shop.close = (payment) => {
      closed.push(payment);
      return ended(payment);
    };
    shop.provider = ({ payment }) => {
      // The order asks for the end of a payment that WeChat has not heard of yet, and is told that there is none.
      shop.apply({ kind: "cancel", reason: null });
      shop.apply({ kind: "ended", attempt: payment, outcome: "CLOSED", reason: null });
      return ok({ scanText: "weixin://wxpay/bizpayurl?pr=1", reference: null });
    };
    const { cookie, nonce } = await open(shop, "DESKTOP");
    const late = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" }, "DESKTOP");
    expect(late.headers.get("location")).toBe(`/c/${shop.slug}?reason=unavailable`);
    expect(closed).toEqual([shop.order.attempts[0]?.id]);
  });

  it("tells the other site which one the payer comes from only where it must know", async () => {
    const shop = openShop({ accounts: accounts("WECHAT_PAY") });
    const { cookie, nonce } = await open(shop, "PHONE");
    shop.provider = () => ok({ redirectUrl: "https://wx.tenpay.com/x", tellsOrigin: true, reference: null });
    const told = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" });
    expect([told.headers.get("location"), told.headers.get("referrer-policy")]).toEqual([
      "https://wx.tenpay.com/x",
      "origin",
    ]);
    for (const redirectUrl of [
      "http://wx.tenpay.com/x",
      "http://127.0.0.1:4242/pay",
      "javascript:alert(1)",
      "weixin://x",
    ]) {
      shop.provider = () => ok({ redirectUrl, reference: null });
      const answer = await pay(shop, cookie, { nonce, provider: "WECHAT_PAY" });
      expect(answer.headers.get("location")).toBe(`/c/${shop.slug}?reason=unavailable`);
    }
  });
});
