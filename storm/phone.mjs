// A phone: scans a code, sees the page, presses the button. It keeps its cookie and knows nothing but what the page shows.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Phone
 * @property {() => Promise<string>} look the state that the page shows
 * @property {(provider: string) => Promise<Begun>} begin
 * @property {() => () => void} watch as the page's script does for as long as it is open; answers how to close it
 *
 * @typedef {{ at: string } | { reason: string }} Begun where the payer goes on, as a path or an address; or why not
 */

/** How soon a browser asks again for a stream that broke off. */
const reconnectMs = 2_000;

/** Half of them are phones; the others have a larger screen, and a phone beside it. */
const agents = [
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
];

/** @param {import("./client.mjs").Client} client @param {string} slug @returns {Phone} */
export function openPhone(client, slug) {
  let cookie = "";
  let nonce = "";
  const headers = () => ({ "user-agent": agents[slug.charCodeAt(0) % agents.length] ?? "", ...(cookie && { cookie }) });
  return {
    async look() {
      const { status, headers: told, text } = await client.ask(`/c/${slug}`, { headers: headers() });
      if (status === 302) return "PAID";
      if (status !== 200) throw new Error(`the code's page answered ${status}`);
      cookie =
        told
          .getSetCookie()
          .map((one) => one.split(";")[0])
          .join("; ") || cookie;
      nonce = /name="nonce"[^>]*value="([^"]+)"/.exec(text)?.[1] ?? nonce;
      return /data-state="([A-Z]+)"/.exec(text)?.[1] ?? "";
    },
    async begin(provider) {
      const { status, headers: told } = await client.ask(`/c/${slug}/pay`, {
        method: "POST",
        headers: { ...headers(), "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ nonce, provider }).toString(),
      });
      const location = told.get("location") ?? "";
      if (status !== 303) throw new Error(`paying answered ${status}`);
      const reason = /[?&]reason=(\w+)/.exec(location)?.[1];
      return reason ? { reason } : { at: location };
    },
    watch() {
      const closing = new AbortController();
      void follow(client, slug, closing.signal);
      return () => closing.abort();
    },
  };
}

/** Reads what it is told and does nothing with it, over and over. @param {import("./client.mjs").Client} client @param {string} slug @param {AbortSignal} closed */
async function follow({ url }, slug, closed) {
  while (!closed.aborted) {
    try {
      const { body } = await fetch(new URL(`/c/${slug}/events`, url), { signal: closed });
      await body?.pipeTo(new WritableStream(), { signal: closed });
    } catch {
      // The product was killed, or the page closed.
    }
    await sleep(reconnectMs, undefined, { signal: closed }).catch(() => undefined);
  }
}
