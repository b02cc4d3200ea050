/**
 * The code on the screen, followed from placed to converted.
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("./graph.mjs").Ask} Ask
 * @typedef {{ id: string, number: string, slug: string, total: string }} Sale
 *
 * @param {Page} page
 * @param {Ask} ask
 */
export function openSale({ part, show }, ask) {
  /** @type {EventSource | null} */
  let source = null;
  const steps = ["placed", "scanned", "paying", "paid", "converted"];

  /** @param {string} word names the sentence @param {string} reached the last step that is done @param {string} [name] */
  const report = (word, reached, name = "") => {
    // Isolated, so that a name in another direction leaves the sentence in its order.
    const text = (part("outcome").dataset[word] ?? "").replace("{name}", () => `\u2068${name}\u2069`);
    // The same words again would be read out again.
    if (part("outcome").textContent !== text) part("outcome").textContent = text;
    const done = steps.slice(0, steps.indexOf(reached) + 1);
    for (const step of part("progress").children)
      step.setAttribute("data-done", String(done.includes(step.getAttribute("data-step") ?? "")));
  };

  /** The conversion is in the paid order itself; the customer's record may follow a moment later. @param {Sale} sale */
  const meetCustomer = async ({ id }) => {
    const query = `query ($id: ID!) { order(by: { id: $id }) { conversion { customer { displayName } } } }`;
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      const answer = await ask(query, { id }).catch(() => null);
      const conversion = answer?.order?.conversion;
      if (conversion?.customer.displayName) return report("named", "converted", conversion.customer.displayName);
      if (conversion && attempt >= 4) return report("converted", "converted");
      await new Promise((resolve) => setTimeout(resolve, 250 * attempt));
    }
  };

  /** @param {Sale} sale @param {{ state: string, scans: number }} pulse */
  const tell = (sale, { state, scans }) => {
    const over = ["PAID", "EXPIRED", "CANCELLED", "REVIEW"].includes(state);
    part("codebox").classList.toggle("over", over);
    part("codebox").classList.toggle("good", state === "PAID");
    if (state === "PAID") {
      report("paid", "paid");
      source?.close();
      void meetCustomer(sale);
    } else if (over) report(state.toLowerCase(), "placed");
    else if (state !== "OPEN") report("paying", "paying");
    else if (scans > 0) report("scanned", "scanned");
    else report("open", "placed");
  };

  return {
    /** @param {Sale} sale */
    follow: (sale) => {
      part("amount").textContent = sale.total;
      part("amount").classList.toggle("wide", sale.total.length > 9);
      part("amount").classList.toggle("widest", sale.total.length > 14);
      part("number").textContent = sale.number;
      part("qr").setAttribute("src", `/c/${sale.slug}/qr.svg`);
      part("code-link").setAttribute("href", `/c/${sale.slug}`);
      tell(sale, { state: "OPEN", scans: 0 });
      show("showing");
      part("code-title").focus();
      source?.close();
      source = new EventSource(`/c/${sale.slug}/events`);
      source.addEventListener("message", ({ data }) => tell(sale, JSON.parse(data)));
      // A till that falls asleep hides the code.
      navigator.wakeLock?.request("screen").catch(() => undefined);
    },
    leave: () => source?.close(),
  };
}
