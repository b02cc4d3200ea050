/** A shop that is open: the product served from this machine with a merchant in it, and a browser to meet it with. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { registerDemoMerchant } from "../../scripts/seed.mjs";
import { serve } from "../../scripts/serve.mjs";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
export const hasChromium = existsSync(executablePath);

const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Headless Chromium calls itself a bot, and a bot's scans do not count. */
const phoneAgent =
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";
export const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  locale: "en",
  userAgent: phoneAgent,
};
export const till: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, locale: "en" };

type Answer = { data?: Record<string, unknown>; errors?: unknown };

export async function openShop() {
  const state = mkdtempSync(join(tmpdir(), "huoma-browser-"));
  const server = await serve({ state });
  const adminToken = server.vars["ADMIN_TOKEN"] ?? "";
  const apiKey = await registerDemoMerchant({ url: server.url, adminToken, state });
  const browser: Browser = await chromium.launch({ executablePath, args: quiet });

  /** Every page fails its test when its policy is broken or its script throws. */
  const faults: string[] = [];
  const open = async (who: BrowserContextOptions): Promise<Page> => {
    const context = await browser.newContext(who);
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.on("pageerror", (fault) => faults.push(String(fault)));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    return page;
  };

  const ask = async (query: string, variables: object, key = apiKey): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await answer.json<Answer>();
    if (!data || errors) throw new Error(JSON.stringify(errors));
    return data;
  };

  return {
    url: server.url,
    apiKey,
    adminToken,
    faults,
    open,
    /** Places an order of one free line; gives its id and its code's URL. */
    place: async (input: object = {}, key = apiKey) => {
      const { orderPlace } = await ask(
        `mutation ($input: OrderPlaceInput!) { orderPlace(input: $input) {
           ... on OrderPlaceSuccess { order { id } liveCode { url } } ... on UserError { message } } }`,
        {
          input: {
            lines: [{ name: "Jasmine milk tea", unitPrice: { amount: "19.90", currency: "CNY" }, quantity: 2 }],
            ...input,
          },
        },
        key,
      );
      const { order, liveCode } = orderPlace as { order: { id: string }; liveCode: { url: string } };
      return { id: order.id, url: liveCode.url };
    },
    ask,
    order: async (id: string) => {
      const { order } = await ask(
        `query ($id: ID!) { order(by: { id: $id }) { state received { amount } liveCode { scans } payments { state } conversion { customer { displayName } } } }`,
        { id },
      );
      return order as {
        state: string;
        received: { amount: string };
        liveCode: { scans: number };
        payments: { state: string }[];
        conversion: { customer: { displayName: string | null } } | null;
      };
    },
    close: async () => {
      await browser.close();
      await server.stop();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

export type Shop = Awaited<ReturnType<typeof openShop>>;
