/** What a merchant asks of payers and what payers get for it, in a real browser, against the whole product and a published example. */
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, openShop, phone, type Shop } from "./shop.ts";

type Merchant = {
  readonly apiKey: string;
  readonly sandboxSecret: string;
  readonly sandboxAccount: { readonly notificationUrl: string };
};
let shop: Shop;
let merchant: Merchant;
beforeAll(async () => {
  if (!hasChromium) throw new Error("These tests need Chromium: apt-get install chromium, or name it in CHROMIUM.");
  shop = await openShop();
  const { merchantRegister } = await shop.ask(
    `mutation { merchantRegister(input: { name: "Tea House", slug: "tea-house", currency: "CNY" }) {
      ... on MerchantRegisterSuccess { apiKey sandboxSecret sandboxAccount { notificationUrl } } ... on UserError { message } } }`,
    {},
    shop.adminToken,
  );
  merchant = merchantRegister as Merchant;
  const published = spawnSync(process.execPath, ["examples/publish.mjs", "tea-shop"], {
    env: { ...process.env, HUOMA_URL: shop.url, HUOMA_KEY: merchant.apiKey },
    encoding: "utf8",
  });
  if (published.status !== 0) throw new Error(published.stderr);
});
afterAll(() => shop?.close());
afterEach(() => {
  const faults = shop.faults.splice(0);
  if (faults.length > 0) throw new Error(`A page had faults: ${faults.join("; ")}`);
});

/** A wallet that says of its payer nothing at all. */
async function walletTellsNobody(payment: string): Promise<void> {
  const body = JSON.stringify({
    type: "payment.succeeded",
    payment,
    transaction: `T-${payment}`,
    amount: 3980,
    currency: "CNY",
    paidAt: new Date().toISOString(),
    payer: null,
  });
  const t = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", merchant.sandboxSecret).update(`${t}.${body}`).digest("hex");
  const headers = { "sandbox-signature": `t=${t},v1=${signature}` };
  const answer = await fetch(merchant.sandboxAccount.notificationUrl, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
}

type Person = {
  readonly consents: { readonly purpose: string; readonly locale: string }[];
  readonly identities: { readonly value: string }[];
};
const personOf = async (id: string): Promise<Person | null> => {
  const { order } = await shop.ask(
    `query ($id: ID!) { order(by: { id: $id }) { conversion { customer { consents { purpose locale } identities { value } } } } }`,
    { id },
    merchant.apiKey,
  );
  return (order as { conversion: { customer: Person } | null }).conversion?.customer ?? null;
};

const fits = "document.documentElement.scrollWidth <= innerWidth";

describe("a payer who is asked for something", () => {
  it("says what they like, agrees to what they tick themselves, and reads their coupon once it is paid", async () => {
    const { id, url } = await shop.place({}, merchant.apiKey);
    const page = await shop.open({ ...phone, locale: "zh-CN" });
    await page.goto(url);
    const consent = page.getByRole("checkbox", { name: "同意接收新茶到店的消息，可随时取消。" });
    expect([await consent.isChecked(), await page.evaluate(fits)]).toEqual([false, true]);
    expect(await page.content()).not.toMatch(/5 off|立减/);
    await page.getByLabel("手机号码").fill("not a number");
    await consent.check();
    const pay = page.getByRole("button", { name: /支付/ });
    await pay.click();
    await page.getByRole("alert").filter({ hasText: "请填写有效的手机号码" }).waitFor();
    expect(await consent.isChecked()).toBe(false);
    await page.getByLabel("手机号码").fill("+86 138 0000 0001");
    await consent.check();
    await pay.click();
    await page.waitForURL("**/sandbox/wallet/**");
    await page.locator("button[name=outcome][value=pay]").click();
    await page.getByRole("heading", { name: "支付成功" }).waitFor();
    await page
      .locator(".code")
      .filter({ hasText: /^[0-9A-Z]{12}$/ })
      .waitFor();
    expect([await page.locator("main").innerText(), await page.evaluate(fits)]).toEqual([
      expect.stringContaining("立减5元"),
      true,
    ]);
    await expect
      .poll(() => personOf(id))
      .toMatchObject({
        consents: [{ purpose: "MARKETING_MESSAGE", locale: "zh-CN" }],
        identities: expect.arrayContaining([expect.objectContaining({ value: "+8613800000001" })]) as unknown,
      });
  });

  it("claims the record of a payment that names nobody, once, and in the browser that paid", async () => {
    const { id, url } = await shop.place({}, merchant.apiKey);
    const page = await shop.open(phone);
    await page.goto(url);
    await page.getByRole("button", { name: "Pay CN¥39.80" }).click();
    await page.waitForURL("**/sandbox/wallet/**");
    await walletTellsNobody(new URL(page.url()).pathname.split("/").at(-1) ?? "");
    await page.goto(url);
    const form = page.getByRole("heading", { name: "Keep your benefits" });
    await form.waitFor();
    expect(await page.evaluate(fits)).toBe(true);
    const stranger = await shop.open(phone);
    await stranger.goto(url);
    await stranger.getByRole("heading", { name: "Paid" }).waitFor();
    expect(await stranger.content()).not.toMatch(/Keep your benefits|class="code"/);
    // The same page in a second tab, as it was before the record was claimed in the first.
    const second = await page.context().newPage();
    await second.goto(url);
    const claimIn = async (tab: typeof page, number: string): Promise<void> => {
      await tab.getByLabel(/Phone/).fill(number);
      await tab.getByRole("checkbox").check();
      await tab.getByRole("button", { name: "Save" }).click();
      await tab.waitForURL(/\/c\/\w+(?:\?reason=\w+)?$/);
    };
    await claimIn(page, "+86 138 0000 0002");
    await page.getByRole("heading", { name: "Paid" }).waitFor();
    expect(await form.count()).toBe(0);
    await claimIn(second, "+86 138 0000 0003");
    await second.waitForURL("**?reason=stale");
    await expect
      .poll(() => personOf(id))
      .toMatchObject({
        identities: [{ value: "+8613800000002" }],
        consents: [{ purpose: "MARKETING_MESSAGE", locale: "en" }],
      });
  });
});
