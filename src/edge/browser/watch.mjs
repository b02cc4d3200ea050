/**
 * Makes the payer page live: loads it again when the order has changed, and counts down. Without it the page works all the same.
 * Served as its own source text (see assets.ts), so everything it uses is inside it.
 */
export function watch() {
  const live = document.getElementById("live");
  if (!live) return;
  const { events, state, version, now } = live.dataset;

  let leaving = false;
  /** A form is on its way: loading the page again would call it back, and paying is what changes the order. */
  let sending = false;
  const renew = () => {
    if (leaving || sending) return;
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
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    leaving = sending = false;
    renew();
  });

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
    form.addEventListener("submit", (event) => {
      if (sending) event.preventDefault();
      else if (event.submitter) {
        sending = true;
        event.submitter.setAttribute("aria-disabled", "true");
        event.submitter.textContent = form.dataset.opening ?? "";
        // The wallet did not come. The page says how things stand, and trying again leads to the same payment.
        setTimeout(() => {
          sending = false;
          renew();
        }, 15_000);
      }
    });
  }
}
