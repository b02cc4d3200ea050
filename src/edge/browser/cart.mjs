/**
 * The products and what of them is being sold.
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {{ amount: string, minorUnits: number, currency: string }} Price
 * @typedef {{ id: string, name: string, stock: number | null, price: Price }} Product
 *
 * @param {Page} page
 */
export function openCart({ part, copyOf, slot }) {
  const place = /** @type {HTMLButtonElement} */ (part("place"));
  /** @type {Product[]} */
  let products = [];
  /** Product id to quantity. @type {Map<string, number>} */
  const quantities = new Map();
  /** One key per cart as it stands: asking again after a fault places nothing twice. @type {string | null} */
  let key = null;

  /** @param {number} minorUnits @param {Price} like a price of the same currency */
  const money = (minorUnits, like) => {
    const places = like.amount.split(".")[1]?.length ?? 0;
    return new Intl.NumberFormat(document.documentElement.lang, {
      style: "currency",
      currency: like.currency,
      minimumFractionDigits: places,
      maximumFractionDigits: places,
    }).format(minorUnits / 10 ** places);
  };

  /** @param {Product} product @param {number} change */
  const add = (product, change) => {
    const quantity = (quantities.get(product.id) ?? 0) + change;
    if (quantity > 0) quantities.set(product.id, quantity);
    else quantities.delete(product.id);
    key = null;
    draw();
  };

  /** @param {Product} product */
  const tileOf = (product) => {
    const tile = /** @type {HTMLButtonElement} */ (copyOf("product"));
    slot(tile, "name").textContent = product.name;
    slot(tile, "price").textContent = money(product.price.minorUnits, product.price);
    tile.dataset.product = product.id;
    tile.disabled = product.stock === 0;
    slot(tile, "sold-out").hidden = !tile.disabled;
    tile.addEventListener("click", () => add(product, 1));
    return tile;
  };

  /** @param {Product} product @param {number} quantity */
  const lineOf = (product, quantity) => {
    const line = copyOf("cart-line");
    slot(line, "name").textContent = product.name;
    slot(line, "sum").textContent = money(product.price.minorUnits * quantity, product.price);
    slot(line, "count").textContent = String(quantity);
    slot(line, "less").addEventListener("click", () => add(product, -1));
    slot(line, "more").addEventListener("click", () => add(product, 1));
    return line;
  };

  const draw = () => {
    const chosen = products.filter(({ id }) => quantities.has(id));
    const quantityOf = (/** @type {Product} */ { id }) => quantities.get(id) ?? 0;
    const sum = chosen.reduce((all, product) => all + product.price.minorUnits * quantityOf(product), 0);
    part("cart").replaceChildren(...chosen.map((product) => lineOf(product, quantityOf(product))));
    part("cart-empty").hidden = chosen.length > 0;
    part("total").textContent = products[0] ? money(sum, products[0].price) : "";
    place.disabled = chosen.length === 0;
    for (const tile of part("products").children)
      tile.setAttribute("aria-pressed", String(quantities.has(tile.getAttribute("data-product") ?? "")));
  };

  return {
    /** @param {Product[]} offered */
    offer: (offered) => {
      products = offered;
      part("no-products").hidden = products.length > 0;
      part("products").replaceChildren(...products.map(tileOf));
      draw();
    },
    empty: () => {
      quantities.clear();
      key = null;
      draw();
    },
    lines: () => [...quantities].map(([productId, quantity]) => ({ productId, quantity })),
    key: () => {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      key ??= [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      return key;
    },
  };
}
