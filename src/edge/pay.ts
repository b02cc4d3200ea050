/**
 * `POST /c/:slug/pay`: the form of the payer page. Leads on to the provider, or back to the page with a reason; a page that was not ours, or
 * not this browser's, changes nothing.
 */
import type { Refusal } from "../core/commands.ts";
import { orderId } from "../core/ids.ts";
import type { PaymentProvider } from "../core/order.ts";
import type { Deps } from "../resolvers/deps.ts";
import { startPayment, type StartPaymentError } from "../resolvers/start-payment.ts";
import { readForm } from "./form.ts";
import { seeOther } from "./headers.ts";
import type { PayReason } from "./messages.ts";
import { notFound } from "./not-found.ts";
import { recogniseVisitor } from "./visitor.ts";

const providers: readonly PaymentProvider[] = ["SANDBOX", "STRIPE", "WECHAT_PAY", "ALIPAY"];

export async function payDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  const key = deps.keys.orderOfSlug(slug);
  if (key === null) return notFound();
  const back = (reason: PayReason): Response => seeOther(`/c/${slug}?reason=${reason}`);
  // Browsers that do not say are held by the cookie, which is Lax, and the nonce.
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return back("stale");

  const form = await readForm(request);
  if (!form.ok) return form.error === "TOO_LARGE" ? new Response(null, { status: 413 }) : back("form");
  const claimant = recogniseVisitor(request, slug, form.value.get("nonce") ?? "", deps);
  if (claimant === null) return back("stale");
  const provider = providers.find((one) => one === form.value.get("provider"));
  if (!provider) return back("provider");

  const started = await startPayment(deps, { slug, provider, claimant }).catch((fault: unknown) => {
    // Whatever broke, the payer is better off on the page, where trying again is safe.
    console.error("start of a payment", orderId(key), fault);
    return null;
  });
  if (started === null) return back("unavailable");
  if (started.ok) return leadOn(started.value.redirectUrl, deps) ?? back("unavailable");
  if (started.error.reason === "NOT_FOUND") return notFound();
  return back(reasonOf(started.error));
}

/** To the web, or on within our own pages; no provider's answer may lead a payer into a script or to a bare `http` site. */
function leadOn(redirectUrl: string, { origin }: Deps): Response | null {
  const target = URL.parse(redirectUrl, origin);
  if (!target) return null;
  const safe = target.protocol === "https:" || target.origin === origin;
  return safe ? seeOther(target.origin === origin ? target.pathname + target.search : target.href) : null;
}

function reasonOf(error: Exclude<StartPaymentError, { reason: "NOT_FOUND" }>): PayReason {
  switch (error.reason) {
    case "PROVIDER":
      return "provider";
    case "UNAVAILABLE":
      return "unavailable";
    case "REFUSED":
      return "refused";
    case "REFUSAL":
      return reasonOfRefusal(error.refusal);
  }
}

function reasonOfRefusal({ reason }: Refusal): PayReason {
  switch (reason) {
    case "CLAIMED":
      return "busy";
    case "UNKNOWN":
      return "provider";
    case "LIMIT":
      return "limit";
    case "STATE":
    case "AMOUNT":
    case "CURRENCY":
    case "TIME":
    case "KEY":
      return "state";
  }
}
