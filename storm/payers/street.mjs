// Stripe, WeChat Pay and Alipay: pretend ones across the street (test/providers), each shop with an account of its own at each. Their books are theirs alone.
import { alipayCounter, newSecret, stripeCounter, wechatCounter } from "../../test/providers/counters.ts";
import { newKeyPair } from "../../test/providers/keys.ts";
import { openStreet } from "../../test/providers/street.ts";
import { mutate } from "../shops.mjs";

/** @typedef {import("../../test/providers/street.ts").Street} Street */

/**
 * One provider's account as a merchant enters it, and the provider's side of it.
 * @typedef {{ input: (origin: string) => Record<string, unknown>, counter: Parameters<typeof openStreet>[0] }} Opening
 */

/** @param {string} name @param {number} number of the shop @param {() => string} notificationUrl @returns {Opening} */
function opening(name, number, notificationUrl) {
  switch (name) {
    case "stripe": {
      const keys = { secretKey: newSecret("sk_test_"), webhookSecret: newSecret("whsec_") };
      const { secretKey, webhookSecret } = keys;
      const account = { name, secretKey, webhookSecrets: [webhookSecret] };
      return {
        input: (apiBase) => ({ stripe: { ...account, apiBase } }),
        counter: stripeCounter(keys, notificationUrl),
      };
    }
    case "wechat": {
      const [merchant, platform] = [
        newKeyPair(),
        { ...newKeyPair(), serial: `PUB_KEY_ID_011600000000000000000000000${number}` },
      ];
      const shared = {
        appId: `wx0123456789abcde${number}`,
        merchantNumber: `190000010${number}`,
        merchantPrivateKey: merchant.privateKey,
        appSecret: `0123456789abcdef0123456789abcde${number}`,
      };
      const apiV3Key = newSecret("").padEnd(32, "k");
      const { serial, publicKey } = platform;
      const account = {
        ...shared,
        name,
        merchantSerial: "3775B6A45ACD588826D15E583A95F5DD00000000",
        apiV3Keys: [apiV3Key],
        platformPublicKeys: [{ serial, publicKey }],
      };
      return {
        input: (apiBase) => ({ wechatPay: { ...account, apiBase } }),
        counter: wechatCounter({ ...shared, apiV3Key, platform }),
      };
    }
    case "alipay": {
      const [app, alipay] = [newKeyPair(), newKeyPair()];
      const shared = {
        appId: `202100000000000${number}`,
        sellerId: `208800000000000${number}`,
        appPrivateKey: app.privateKey,
      };
      return {
        input: (apiBase) => ({ alipay: { ...shared, name, alipayPublicKey: alipay.publicKey, apiBase } }),
        counter: alipayCounter({ ...shared, alipayPrivateKey: alipay.privateKey }),
      };
    }
    default:
      throw new Error(`nobody knows ${name}`);
  }
}

/** As the pay form names them. @type {Record<string, string>} */
const formNames = { stripe: "STRIPE", wechat: "WECHAT_PAY", alipay: "ALIPAY" };

/**
 * Connects each shop to its accounts, and takes its sandbox out of use unless that is to be paid by too.
 * @param {import("../client.mjs").Client} client @param {import("../shops.mjs").Shop[]} shops
 * @param {readonly string[]} names @param {import("../payer.mjs").Payer | null} sandbox
 * @returns {Promise<import("../payer.mjs").Payer>}
 */
export async function streetPayer(client, shops, names, sandbox) {
  /** @type {Street[]} */
  const streets = [];
  for (const shop of shops) {
    for (const name of names) {
      let notificationUrl = "";
      const { input, counter } = opening(name, shop.index, () => notificationUrl);
      const street = await openStreet(counter);
      streets.push(street);
      const account = { input: input(street.origin), selection: "paymentAccount { notificationUrl }" };
      const made = await mutate(client, shop.apiKey, "paymentAccountCreate", account.selection, account.input);
      notificationUrl = made.paymentAccount.notificationUrl;
    }
    const off = { paymentAccountId: shop.accountId, enabled: false };
    if (!sandbox) await mutate(client, shop.apiKey, "paymentAccountUpdate", "paymentAccount { id }", off);
  }
  const providers = [...names.map((name) => formNames[name] ?? ""), ...(sandbox ? [sandbox.provider] : [])];
  let asked = 0;
  let late = 0;

  /** A provider whose page says no lets its payer go: there is nothing that a phone could do. @param {string} at @param {import("../payer.mjs").How} how */
  const visit = async (at, { outcome, person, chaos }) => {
    const address = new URL(addressOf(at), "http://nowhere.invalid");
    const here = streets.filter(({ origin }) => origin === address.origin);
    for (const street of here.length > 0 ? here : streets) {
      const came = await street.visit(address, outcome, person, chaos).catch(() => null);
      if (came) return;
    }
  };

  return {
    // Whoever may choose takes another each time, and so leaves the one before.
    get provider() {
      asked += 1;
      return providers[asked % providers.length] ?? "";
    },
    async pay(at, how) {
      if (sandbox && at.startsWith("/sandbox/")) return sandbox.pay(at, how);
      if (how.lateSeconds === undefined) return visit(at, how);
      late += 1;
      setTimeout(() => void visit(at, how).finally(() => (late -= 1)), how.lateSeconds * 1000);
    },
    async books() {
      const theirs = await sandbox?.books();
      const takings = streets.flatMap((street) =>
        street.takings().map((taking) => ({
          ...taking,
          orderId: `order_${taking.payment.slice("payment_".length, -4)}`,
          paidAt: new Date(taking.paidAt).toISOString(),
          refunds: [...taking.refunds],
        })),
      );
      const unsettled = streets.reduce((sum, street) => sum + street.unsettled(), late);
      return { takings: [...(theirs?.takings ?? []), ...takings], unsettled: unsettled + (theirs?.unsettled ?? 0) };
    },
    async tell(shop, taking) {
      const street = streets.find((one) => one.takings().some(({ transaction }) => transaction === taking.transaction));
      if (!street) return sandbox ? sandbox.tell(shop, taking) : 0;
      const statuses = await street.tellAgain(taking.transaction);
      return statuses.find((status) => status !== 200) ?? 200;
    },
    async close() {
      await Promise.all(streets.map((street) => street.close()));
    },
  };
}

/** A code on a larger screen is scanned; everything else is followed. @param {string} at */
function addressOf(at) {
  const step = new URL(at, "http://nowhere.invalid").searchParams.get("step");
  return (step && JSON.parse(step).scanText) || at;
}
