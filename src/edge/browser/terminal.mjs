/**
 * The terminal at work: signs in with an API key, sells products, shows the live code. All words come from the page, and its parts are
 * handed in, because this is served as its own source text (see assets.ts).
 *
 * @param {typeof import("./page.mjs").openPage} openPage
 * @param {typeof import("./graph.mjs").connect} connect
 * @param {typeof import("./cart.mjs").openCart} openCart
 * @param {typeof import("./sale.mjs").openSale} openSale
 */
export function terminal(openPage, connect, openCart, openSale) {
  const page = openPage();
  const { part, show, complain } = page;
  const { ask, Unauthorised } = connect();
  const cart = openCart(page);
  const sale = openSale(page, ask);
  const place = /** @type {HTMLButtonElement} */ (part("place"));
  const key = /** @type {HTMLInputElement} */ (part("key"));
  const words = part("terminal").dataset;

  const forget = () => {
    sale.leave();
    localStorage.removeItem("huoma.key");
    sessionStorage.removeItem("huoma.sale");
    show("signin");
    key.focus();
  };
  /** @param {unknown} fault */
  const explain = (fault) => {
    if (fault instanceof Unauthorised) forget();
    complain(fault instanceof Unauthorised ? words.wrong : navigator.onLine ? words.failed : words.offline);
  };

  const enter = async () => {
    const { viewer } = await ask(
      `{ viewer { merchant { name products(first: 100, archived: false) { nodes { id name stock price { amount minorUnits currency } } } } } }`,
    );
    // The admin's token opens the graph, but sells nothing.
    if (!viewer.merchant) throw new Unauthorised();
    complain();
    part("merchant").textContent = viewer.merchant.name;
    cart.offer(viewer.merchant.products.nodes);
    const going = sessionStorage.getItem("huoma.sale");
    if (going) sale.follow(JSON.parse(going));
    else show("counter");
  };

  const placeOrder = async () => {
    const { orderPlace } = await ask(
      `mutation ($input: OrderPlaceInput!, $key: String!, $locale: Locale!) {
        orderPlace(input: $input) @idempotent(key: $key) {
          ... on OrderPlaceSuccess { order { id number total { formatted(locale: $locale) } } liveCode { slug } }
          ... on UserError { message }
        }
      }`,
      {
        key: cart.key(),
        locale: document.documentElement.lang,
        input: { lines: cart.lines(), attribution: { channel: "terminal" } },
      },
    );
    const { order, liveCode, message } = orderPlace;
    complain(message);
    if (!order) return;
    const going = { id: order.id, number: order.number, slug: liveCode.slug, total: order.total.formatted };
    sessionStorage.setItem("huoma.sale", JSON.stringify(going));
    sale.follow(going);
  };

  part("signin").addEventListener("submit", (event) => {
    event.preventDefault();
    localStorage.setItem("huoma.key", key.value.trim());
    key.value = "";
    enter().catch(explain);
  });
  part("forget").addEventListener("click", forget);
  part("new-sale").addEventListener("click", () => {
    sale.leave();
    sessionStorage.removeItem("huoma.sale");
    complain();
    cart.empty();
    show("counter");
  });
  place.addEventListener("click", () => {
    const label = place.textContent ?? "";
    place.disabled = true;
    place.textContent = place.dataset.busy ?? "";
    placeOrder()
      .catch(explain)
      .finally(() => {
        place.textContent = label;
        place.disabled = cart.lines().length === 0;
      });
  });

  if (localStorage.getItem("huoma.key")) enter().catch(explain);
  else show("signin");
}
