/**
 * The step before a wallet: goes back to the order as soon as it has changed there, hands a payment to the wallet around the page, and sends on
 * the form that a wallet came back to. Served as its own source text (see assets.ts), so everything it uses is inside it.
 */
export function wallet() {
  const page = document.getElementById("wallet");
  if (!page) return;
  const { events, back, invocation } = page.dataset;
  let leaving = false;
  const leave = () => {
    if (leaving || !back) return;
    leaving = true;
    location.replace(back);
  };

  const form = document.getElementById("goes-on");
  if (form instanceof HTMLFormElement) {
    form.querySelector("button")?.click();
    return;
  }
  if (events) {
    /** @type {string | undefined} */
    let state;
    const source = new EventSource(events);
    source.addEventListener("message", ({ data }) => {
      /** @type {{ state: string }} */
      const pulse = JSON.parse(data);
      state ??= pulse.state;
      if (pulse.state !== state || pulse.state === "PAID") leave();
    });
    addEventListener("pagehide", () => source.close());
  }
  if (!invocation) return;
  const call = () => {
    /** @type {{ invoke: (name: string, parameters: unknown, done: () => void) => void }} */
    const bridge = Reflect.get(window, "WeixinJSBridge");
    // Paid, cancelled or failed: the page of the order says how things stand, and it asks the provider.
    bridge.invoke("getBrandWCPayRequest", JSON.parse(invocation), leave);
  };
  // WeChat puts its bridge into the page a moment after loading it.
  if (Reflect.has(window, "WeixinJSBridge")) call();
  else document.addEventListener("WeixinJSBridgeReady", call);
}
