/** One code, any wallet: in a real browser, against the whole product, with pretend providers across the street. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { alipayCounter, newSecret, stripeCounter, wechatCounter } from "../providers/counters.ts";
import { newKeyPair } from "../providers/keys.ts";
import { openStreet, type Street } from "../providers/street.ts";
import { openShop, phone, till, type Shop } from "./shop.ts";

const [app, alipay, merchant, platform] = [newKeyPair(), newKeyPair(), newKeyPair(), newKeyPair()];
const stripeKeys = { secretKey: newSecret("sk_test_"), webhookSecret: newSecret("whsec_") };
const wechatMerchant = {
  appId: "wx0123456789abcdef",
  appSecret: "0123456789abcdef0123456789abcdef",
  merchantNumber: "1900000109",
  merchantPrivateKey: merchant.privateKey,
  apiV3Key: "k".repeat(32),
  platform: { ...platform, serial: "PUB_KEY_ID_0116000000000000000000000001" },
};
const alipayApplication = {
  appId: "2021000000000001",
  sellerId: "2088000000000001",
  appPrivateKey: app.privateKey,
  alipayPrivateKey: alipay.privateKey,
};

let shop: Shop;
let webhookUrl = "";
const streets: Street[] = [];
beforeAll(async () => {
  shop = await openShop();
  const [stripeStreet, wechatStreet, alipayStreet] = [
    await openStreet(stripeCounter(stripeKeys, () => webhookUrl)),
    await openStreet(wechatCounter(wechatMerchant)),
    await openStreet(alipayCounter(alipayApplication)),
  ];
  streets.push(stripeStreet, wechatStreet, alipayStreet);
  const { appId, appSecret, merchantNumber, merchantPrivateKey, apiV3Key } = wechatMerchant;
  const { serial, publicKey } = wechatMerchant.platform;
  await connect({
    wechatPay: {
      name: "WeChat",
      apiBase: wechatStreet.origin,
      appId,
      appSecret,
      merchantNumber,
      merchantPrivateKey,
      merchantSerial: "3775B6A45ACD588826D15E583A95F5DD00000000",
      apiV3Keys: [apiV3Key],
      platformPublicKeys: [{ serial, publicKey }],
    },
  });
  const { alipayPrivateKey: _, ...application } = alipayApplication;
  await connect({
    alipay: { name: "Alipay", apiBase: alipayStreet.origin, ...application, alipayPublicKey: alipay.publicKey },
  });
  const { secretKey, webhookSecret } = stripeKeys;
  webhookUrl = await connect({
    stripe: { name: "Card", apiBase: stripeStreet.origin, secretKey, webhookSecrets: [webhookSecret] },
  });
});
afterAll(async () => {
  await shop?.close();
  await Promise.all(streets.map((street) => street.close()));
});
afterEach(() => {
  const faults = shop.faults.splice(0);
  if (faults.length > 0) throw new Error(`A page had faults: ${faults.join("; ")}`);
});

/** The account's notification URL. */
async function connect(input: object): Promise<string> {
  const { paymentAccountCreate } = await shop.ask(
    `mutation ($input: PaymentAccountCreateInput!) { paymentAccountCreate(input: $input) {
       ... on PaymentAccountCreateSuccess { paymentAccount { notificationUrl } } ... on ValidationError { issues { path message } } } }`,
    { input },
  );
  const { paymentAccount } = paymentAccountCreate as { paymentAccount?: { notificationUrl: string } };
  if (!paymentAccount) throw new Error(JSON.stringify(paymentAccountCreate));
  return paymentAccount.notificationUrl;
}

describe("a payer", () => {
  it.each(["Card", "WeChat Pay", "Alipay"])(
    "with a phone's browser chooses, pays by %s on its page, and is a customer when back",
    async (name) => {
      const { id, url } = await shop.place();
      const page = await shop.open(phone);
      await page.goto(url);
      await page.getByRole("button", { name: `with ${name}` }).click();
      await page.waitForURL((at) => streets.some(({ origin }) => at.origin === origin));
      await page.getByRole("button", { name: "Pay" }).click();
      await page.waitForURL(url);
      await page.getByRole("heading", { name: "Paid" }).waitFor();
      expect((await shop.order(id)).state).toBe("PAID");
    },
  );

  it("inside WeChat is offered WeChat alone, is asked nothing, and pays without leaving it", async () => {
    const { id, url } = await shop.place();
    const agent = `${phone.userAgent} MicroMessenger/8.0.54`;
    const page = await shop.open({ ...phone, userAgent: agent });
    await page.exposeFunction("payByWechat", async (prepay: string) => {
      const payment = prepay.replace(/^prepay_id=wx/, "");
      await streets[1]?.visit(new URL(`weixin://wxpay/bizpayurl?pr=${payment}`), "pay", "1");
    });
    await page.addInitScript(`
      window.WeixinJSBridge = { invoke: (name, { package: prepay, paySign }, done) => paySign && payByWechat(prepay).then(done) };`);
    await page.goto(url);
    expect(await page.locator("button[name=provider]").count()).toBe(1);
    await page.getByRole("button", { name: "with WeChat Pay" }).click();
    await page.waitForURL(url);
    await page.getByRole("heading", { name: "Paid" }).waitFor();
    expect((await shop.order(id)).payments).toHaveLength(1);
  });

  it.each([
    ["WeChat Pay", 1],
    ["Alipay", 2],
  ] as const)(
    "before a larger screen scans a code for %s there, and the screen says that it is paid",
    async (name, street) => {
      const { id, url } = await shop.place();
      const page = await shop.open(till);
      await page.goto(url);
      await page.getByRole("button", { name: `with ${name}` }).click();
      await page.getByRole("heading", { name: `Scan with ${name}` }).waitFor();
      expect(await page.locator(".scan svg").isVisible()).toBe(true);
      const step = JSON.parse(new URL(page.url()).searchParams.get("step") ?? "{}") as { scanText: string };
      await streets[street]?.visit(new URL(step.scanText), "pay", "1");
      await page.waitForURL(url);
      await page.getByRole("heading", { name: "Paid" }).waitFor();
      expect((await shop.order(id)).state).toBe("PAID");
    },
  );
});
