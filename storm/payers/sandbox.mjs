// The pretend wallet, used as its documentation says: by its page, its notifications and its books. See docs/providers/sandbox.md.
import { createHmac, randomUUID } from "node:crypto";

/** A clock further off than this is believed nothing, and what such a wallet has still to tell is not worth waiting for. */
const heardSkewMs = 300_000;
const wallets = Array.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ");

/** @param {import("../client.mjs").Client} client @returns {import("../payer.mjs").Payer} */
export function sandboxPayer(client) {
  return {
    provider: "SANDBOX",

    async pay(at, { outcome, person, chaos, lateSeconds }) {
      const fields = new URLSearchParams({ outcome, payer: person });
      if (chaos !== null) fields.set("chaos", chaos);
      if (lateSeconds !== undefined) fields.set("lateSeconds", String(lateSeconds));
      const { status, text } = await client.ask(at, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: fields.toString(),
      });
      if (status !== 303) throw new Error(`the wallet answered ${status}: ${text.slice(0, 300)}`);
    },

    async books() {
      const now = Date.now();
      const pages = await Promise.all(wallets.map((wallet) => readBooks(client, wallet)));
      const entries = pages.flatMap((page) => page.entries);
      const takings = entries.flatMap(({ payment, takings: taken }) =>
        taken.map((/** @type {any} */ taking) => ({
          ...taking,
          payment,
          orderId: `order_${payment.slice("payment_".length, -4)}`,
          acknowledged: taking.acknowledgedAt !== null,
        })),
      );
      const unsent = pages.flatMap((page) => page.unsent).filter(({ skewMs }) => Math.abs(skewMs ?? 0) <= heardSkewMs);
      return { takings, unsettled: unsent.length + takings.filter(({ takenAt }) => takenAt > now).length };
    },

    async tell({ notificationUrl, sandboxSecret }, { payment, orderId, transaction, amount, currency, paidAt }) {
      const type = "payment.succeeded";
      const id = `evt_${randomUUID()}`;
      const body = JSON.stringify({ id, type, payment, order: orderId, transaction, amount, currency, paidAt });
      const t = Math.floor(Date.now() / 1000);
      const mac = createHmac("sha256", sandboxSecret).update(`${t}.${body}`).digest("hex");
      const { status } = await client.ask(new URL(notificationUrl).pathname, {
        method: "POST",
        headers: { "content-type": "application/json", "sandbox-signature": `t=${t},v1=${mac}` },
        body,
      });
      return status;
    },
  };
}

/** @param {import("../client.mjs").Client} client @param {string} wallet @returns {Promise<{ entries: any[], unsent: any[] }>} */
async function readBooks(client, wallet) {
  const entries = [];
  let unsent = [];
  for (let after = ""; after !== null;) {
    const { status, text } = await client.ask(`/sandbox/ledger/${wallet}?after=${after}`);
    if (status !== 200) throw new Error(`the wallet's books answered ${status}`);
    const page = JSON.parse(text);
    entries.push(...page.entries);
    unsent = page.unsent;
    after = page.next;
  }
  return { entries, unsent };
}
