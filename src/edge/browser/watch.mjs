/**
 * Makes the payer page live: loads it again when the order has changed, and counts down. Without it the page works all the same.
 * Served as its own source text (see assets.ts), so everything it uses is inside it.
 */
export function watch() {
  const live = document.getElementById("live");
  if (!live) return;
  const { events, state, version, now } = live.dataset;

  let leaving = false;
  const renew = () => {
    if (leaving) return;
    leaving = true;
    // Without the reason of an earlier try, which the new state has made old.
    location.replace(location.pathname);
  };

  if (events) {
    let seen = Number(version);
    /** @type {number | undefined} */
    let scans;
    const source = new EventSource(events);
    source.addEventListener("message", ({ data }) => {
      /** @type {{ state: string, version: number, scans: number }} */
      const pulse = JSON.parse(data);
      // A scan is a change too, but none that this page shows.
      const onlyScanned = scans !== undefined && pulse.scans !== scans;
      const changed = pulse.version > seen && scans !== undefined && !onlyScanned;
      seen = Math.max(seen, pulse.version);
      scans = pulse.scans;
      if (pulse.state !== state || changed) renew();
    });
    addEventListener("pagehide", () => source.close());
  }
  // Back from the wallet, the browser may show the page as it was left.
  addEventListener("pageshow", ({ persisted }) => persisted && renew());

  /** The phone's clock may be wrong, so time is counted from the server's. */
  const offset = Number(now) - Date.now();
  const timers = [...document.querySelectorAll("[data-until]")].filter((one) => one instanceof HTMLElement);
  const countDown = () => {
    for (const timer of timers) {
      const seconds = Math.ceil((Number(timer.dataset.until) - Date.now() - offset) / 1000);
      // Far ends are better told as a time of day.
      if (seconds > 3600) continue;
      const left = Math.max(0, seconds);
      timer.textContent = `${timer.dataset.label} ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      // A moment later, so that the code itself has noticed.
      if (seconds < 0) renew();
    }
  };
  if (timers.length > 0) {
    countDown();
    setInterval(countDown, 1000);
  }

  for (const form of document.forms) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
      const button = event.submitter;
      if (!button) return;
      const label = [...button.childNodes];
      button.setAttribute("aria-disabled", "true");
      button.replaceChildren(form.dataset.opening ?? "");
      // The wallet did not come: trying again is safe, it leads to the same payment.
      setTimeout(() => {
        sent = false;
        button.removeAttribute("aria-disabled");
        button.replaceChildren(...label);
      }, 8000);
    });
  }
}
