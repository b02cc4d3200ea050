// A phone: scans a code, sees the page, presses the button. It keeps its cookie and knows nothing but what the page shows.

/**
 * @typedef {object} Phone
 * @property {() => Promise<string>} look the state that the page shows
 * @property {(provider: string) => Promise<Begun>} begin
 *
 * @typedef {{ at: string } | { reason: string }} Begun where the payer goes on, as a path or an address; or why not
 */

/** @param {import("./client.mjs").Client} client @param {string} slug @returns {Phone} */
export function openPhone(client, slug) {
  let cookie = "";
  let nonce = "";
  const headers = () => (cookie ? { cookie } : {});
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
  };
}
