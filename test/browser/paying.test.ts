/** What a customer and the staff see, in a real browser, against the whole product. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, openShop, phone, till, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  if (!hasChromium) throw new Error("These tests need Chromium: apt-get install chromium, or name it in CHROMIUM.");
  shop = await openShop();
});
afterAll(() => shop?.close());
afterEach(() => {
  const faults = shop.faults.splice(0);
  if (faults.length > 0) throw new Error(`A page had faults: ${faults.join("; ")}`);
});

describe("a customer with a phone", () => {
  it("goes from the code to the receipt through the wallet", async () => {
    const { id, url } = await shop.place();
    const page = await shop.open(phone);
    await page.goto(url);
    await page.getByRole("heading", { name: "Huoma Tea House" }).waitFor();
    expect(await page.locator(".hero").innerText()).toContain("39.80");
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.getByRole("button", { name: "Pay CN¥39.80" }).click();
    await page.waitForURL("**/sandbox/wallet/**");
    await page.locator("button[name=outcome][value=pay]").click();
    await page.waitForURL(url);
    await page.getByRole("heading", { name: "Paid" }).waitFor();
    expect(await page.locator("main").innerText()).toContain("You are now a customer of");
    const order = await shop.order(id);
    expect(order.state).toBe("PAID");
    expect(order.liveCode.scans).toBe(1);
  });

  it("does the same without JavaScript, and sees the paid page by itself", async () => {
    const { id, url } = await shop.place();
    const page = await shop.open({ ...phone, javaScriptEnabled: false });
    await page.goto(url);
    await page.getByRole("button", { name: "Pay CN¥39.80" }).click();
    await page.waitForURL("**/sandbox/wallet/**");
    // The notification comes late: the phone is back before the money is known.
    await page.locator("summary").click();
    await page.locator("[name=delaySeconds]").fill("2");
    await page.locator("button[name=outcome][value=pay]").click();
    await page.waitForURL(url);
    await page.getByText("Waiting for your payment").waitFor();
    await page.getByRole("heading", { name: "Paid" }).waitFor();
    expect((await shop.order(id)).state).toBe("PAID");
  });

  it("watches the page turn to paid while the wallet is still open elsewhere", async () => {
    const { url } = await shop.place();
    const payer = await shop.open(phone);
    await payer.goto(url);
    await payer.getByRole("button", { name: "Pay CN¥39.80" }).click();
    await payer.waitForURL("**/sandbox/wallet/**");
    const other = await shop.open(phone);
    await other.goto(url);
    await other.getByText("Somebody else is paying").waitFor();
    await payer.locator("button[name=outcome][value=pay]").click();
    await other.getByRole("heading", { name: "Paid" }).waitFor();
    expect(await other.locator("main").innerText()).not.toContain("You are now a customer");
  });

  it("that taps twice pays once", async () => {
    const { id, url } = await shop.place();
    const page = await shop.open(phone);
    await page.goto(url);
    await page.getByRole("button", { name: "Pay CN¥39.80" }).dblclick();
    await page.waitForURL("**/sandbox/wallet/**");
    expect((await shop.order(id)).payments.length).toBeLessThanOrEqual(1);
  });

  it("comes back after a payment failed, and pays with the next try", async () => {
    const { id, url } = await shop.place();
    const page = await shop.open(phone);
    await page.goto(url);
    await page.getByRole("button", { name: "Pay CN¥39.80" }).click();
    await page.waitForURL("**/sandbox/wallet/**");
    await page.locator("button[name=outcome][value=fail]").click();
    await page.waitForURL(url);
    await page.getByRole("button", { name: /Pay CN¥39.80|Continue paying/ }).click();
    await page.waitForURL("**/sandbox/wallet/**");
    await page.locator("button[name=outcome][value=pay]").click();
    await page.getByRole("heading", { name: "Paid" }).waitFor();
    expect((await shop.order(id)).received.amount).toBe("39.80");
  });

  it("reads the page in Chinese when the phone speaks it", async () => {
    const { url } = await shop.place();
    const page = await shop.open({ ...phone, locale: "zh-CN" });
    await page.goto(url);
    await page.getByRole("button", { name: "支付 ¥39.80" }).waitFor();
    await page.getByRole("link", { name: "English" }).click();
    await page.getByRole("button", { name: "Pay CN¥39.80" }).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
  });

  it("counts down to the end of the code", async () => {
    const { url } = await shop.place({ lifetimeSeconds: 600 });
    const page = await shop.open(phone);
    await page.goto(url);
    const left = page.locator("time");
    await left.filter({ hasText: /Time left (10:00|9:5\d)/ }).waitFor();
    const before = await left.innerText();
    await expect.poll(() => left.innerText()).not.toBe(before);
  });
});

describe("the staff at the terminal", () => {
  it("sells, shows the code, and sees it scanned, paid and converted without reloading", async () => {
    const terminal = await shop.open(till);
    await terminal.goto(`${shop.url}/terminal`);
    await terminal.getByLabel("API key").fill(shop.apiKey);
    await terminal.getByRole("button", { name: "Open the terminal" }).click();
    const tea = terminal.getByRole("button", { name: /Jasmine milk tea/ });
    await tea.click();
    await tea.click();
    expect(await terminal.locator("#total").innerText()).toContain("39.80");
    await terminal.getByRole("button", { name: "Show the code" }).click();
    await terminal.getByText("Waiting for somebody to scan.").waitFor();
    const image = terminal.getByAltText("QR code of the order");
    await image.waitFor();
    await expect
      .poll(() => image.evaluate((one) => (one as unknown as { naturalWidth: number }).naturalWidth))
      .toBeGreaterThan(0);
    const url = await terminal.locator("#code-link").getAttribute("href");

    const customer = await shop.open(phone);
    await customer.goto(shop.url + url);
    await terminal.getByText("Somebody is looking at the order.").waitFor();
    await customer.getByRole("button", { name: "Pay CN¥39.80" }).click();
    await customer.waitForURL("**/sandbox/wallet/**");
    await terminal.getByText("The customer is paying.").waitFor();
    await customer.locator("summary").click();
    await customer.locator("[name=name]").fill("Li Lei");
    await customer.locator("button[name=outcome][value=pay]").click();
    await customer.getByRole("heading", { name: "Paid" }).waitFor();
    expect(await customer.locator("main").innerText()).toContain("Li Lei");
    await terminal.getByText(/Li Lei.? is now your customer/).waitFor();
    expect(await terminal.locator("[data-step=converted]").getAttribute("data-done")).toBe("true");

    await terminal.getByRole("button", { name: "New sale" }).click();
    await terminal.getByText("Choose products to begin.").waitFor();
  });

  it("is remembered over a reload, with the code on the screen", async () => {
    const terminal = await shop.open(till);
    await terminal.goto(`${shop.url}/terminal`);
    await terminal.getByLabel("API key").fill(shop.apiKey);
    await terminal.keyboard.press("Enter");
    await terminal.getByRole("button", { name: /Longjing/ }).click();
    await terminal.getByRole("button", { name: "Show the code" }).click();
    await terminal.getByText("Waiting for somebody to scan.").waitFor();
    const number = await terminal.locator("#number").innerText();
    await terminal.reload();
    await terminal.getByText("Waiting for somebody to scan.").waitFor();
    expect(await terminal.locator("#number").innerText()).toBe(number);
  });

  it("asks again for a key that is wrong", async () => {
    const terminal = await shop.open(till);
    await terminal.goto(`${shop.url}/terminal`);
    await terminal.getByLabel("API key").fill("hk_wrong");
    await terminal.keyboard.press("Enter");
    await terminal.getByText("This key was not accepted.").waitFor();
    expect(await terminal.evaluate('localStorage.getItem("huoma.key")')).toBeNull();
    // The browser reports the 401 by itself.
    shop.faults.splice(0);
  });
});
