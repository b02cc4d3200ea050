// How a payer pays: the one thing of a storm that differs from provider to provider. Another provider is one more file in payers/, and one line here.
import { sandboxPayer } from "./payers/sandbox.mjs";
import { streetPayer } from "./payers/street.mjs";

/**
 * @typedef {object} Payer
 * @property {string} provider as the pay form names it
 * @property {(at: string, how: How) => Promise<void>} pay on the provider's page; asking again changes nothing
 * @property {() => Promise<Books>} books the provider's own
 * @property {(shop: import("./shops.mjs").Shop, taking: Told) => Promise<number>} tell a notification of money, as the provider would send it; the status of the answer, 0 when no provider of this storm can tell of it
 * @property {() => Promise<void>} [close]
 *
 * @typedef {object} How
 * @property {"pay" | "fail" | "abandon"} outcome
 * @property {string} person
 * @property {string | null} chaos a seed of misbehaviour
 * @property {number} [lateSeconds] until the money moves
 *
 * @typedef {object} Books
 * @property {Taking[]} takings
 * @property {number} unsettled what the provider has still to do by itself: money to take, or to tell of
 *
 * @typedef {object} Told
 * @property {string} orderId
 * @property {string | null} payment
 * @property {string} transaction
 * @property {number} amount in minor units
 * @property {string} currency
 * @property {string} paidAt RFC 3339
 *
 * @typedef {Told & Kept} Taking
 * @typedef {object} Kept
 * @property {number} takenAt
 * @property {boolean} acknowledged whether a notification of it was answered 2xx
 * @property {{ refund: string, amount: number }[]} refunds
 */

/** @type {Record<string, (client: import("./client.mjs").Client, shops: import("./shops.mjs").Shop[]) => Payer | Promise<Payer>>} */
const payers = {
  sandbox: (client) => sandboxPayer(client),
  stripe: (client, shops) => streetPayer(client, shops, ["stripe"], null),
  wechat: (client, shops) => streetPayer(client, shops, ["wechat"], null),
  alipay: (client, shops) => streetPayer(client, shops, ["alipay"], null),
  mixed: (client, shops) => streetPayer(client, shops, ["stripe", "wechat", "alipay"], sandboxPayer(client)),
};

/**
 * What a shop sells for, through this provider: some wallets hold yuan only, and Stripe takes dinars in whole tens.
 * @param {string} provider
 * @returns {(planned: import("./shops.mjs").Policy) => { currency: string, places: number }}
 */
export function moneyAt(provider) {
  switch (provider) {
    case "sandbox":
      return (planned) => planned;
    case "stripe":
      return ({ currency, places }) => (currency === "KWD" ? { currency: "USD", places: 2 } : { currency, places });
    case "wechat":
    case "alipay":
    case "mixed":
      return () => ({ currency: "CNY", places: 2 });
    default:
      throw new Error(`Nobody knows how to pay through ${provider}. Known: ${Object.keys(payers).join(", ")}.`);
  }
}

/** @param {string} provider @param {import("./client.mjs").Client} client @param {import("./shops.mjs").Shop[]} shops @returns {Promise<Payer>} */
export const openPayer = async (provider, client, shops) => {
  const open = payers[provider];
  if (!open) throw new Error(`Nobody knows how to pay through ${provider}.`);
  return open(client, shops);
};
