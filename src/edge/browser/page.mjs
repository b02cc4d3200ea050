/** The terminal page's parts, as the script finds them. A part that lacks is a fault of the page. */
export function openPage() {
  /** @param {string} id @returns {HTMLElement} */
  const part = (id) => {
    const found = document.getElementById(id);
    if (!found) throw new Error(`the page has no ${id}`);
    return found;
  };
  /** A new copy of what a template holds. @param {string} id */
  const copyOf = (id) => {
    const template = /** @type {HTMLTemplateElement} */ (part(id));
    const first = /** @type {HTMLElement} */ (template.content.firstElementChild);
    return /** @type {HTMLElement} */ (first.cloneNode(true));
  };
  /** @param {HTMLElement} within @param {string} name @returns {HTMLElement} */
  const slot = (within, name) => /** @type {HTMLElement} */ (within.querySelector(`[data-slot="${name}"]`));
  /** @param {"signin" | "counter" | "showing"} view */
  const show = (view) => {
    for (const id of ["signin", "counter", "showing"]) part(id).hidden = id !== view;
    part("forget").hidden = view === "signin";
  };
  /** @param {string} [message] none takes an earlier one away */
  const complain = (message) => {
    part("fault").textContent = message ?? "";
    part("fault").hidden = !message;
  };
  return { part, copyOf, slot, show, complain };
}
/** @typedef {ReturnType<typeof openPage>} Page */
