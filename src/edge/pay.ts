/** `POST /c/:slug/pay`: the form of the payer page. Leads on to the provider, or back to the page with a reason. */
import type { Refusal } from "../core/commands.ts";
import { orderId } from "../core/ids.ts";
import { isLoopback } from "../payments/credentials.ts";
import type { NextStep, PayerDevice } from "../payments/provider.ts";
import type { Deps } from "../resolvers/deps.ts";
import { startPayment, type StartPaymentError } from "../resolvers/start-payment.ts";
import { enteredIn } from "./entered.ts";
import { seeOther } from "./headers.ts";
import type { PayReason } from "./messages.ts";
import { notFound } from "./not-found.ts";
import { backToPage, readOwnForm } from "./own-form.ts";
import { grantState, grantUrl, wayToStep } from "./wallet-step.tsx";
import { sceneOf } from "./wallets.ts";

export async function payDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  const own = await readOwnForm(request, slug, deps);
  if (!own.ok) return own.error;
  const { key, claimant, fields } = own.value;
  const back = (reason: PayReason): Response => backToPage(slug, reason);
  const provider = Object.values(deps.ports).find((port) => port.provider === fields.get("provider"))?.provider;
  if (!provider) return back("provider");

  // A step of a wallet's own on the way to paying says nothing of the payer: what they said stands.
  const entered = fields.has("language") ? { entered: enteredIn(fields, request) } : {};
  const device: PayerDevice = {
    scene: sceneOf(request),
    address: request.headers.get("cf-connecting-ip"),
    grantUrl: grantUrl(slug, provider, deps),
    grantState: grantState(request, slug, deps),
    grant: fields.get("grant"),
  };
  const afresh = fields.get("afresh") === "1";
  const started = await startPayment(deps, { slug, provider, claimant, device, afresh, ...entered }).catch(
    (fault: unknown) => {
      // Whatever broke, the payer is better off on the page, where trying again is safe.
      console.error("start of a payment", orderId(key), fault);
      return null;
    },
  );
  if (started === null) return back("unavailable");
  if (!started.ok) return started.error.reason === "NOT_FOUND" ? notFound() : back(reasonOf(started.error));
  const { next, asks } = started.value;
  if ("redirectUrl" in next) return leadOn(next, deps) ?? back("unavailable");
  const step = wayToStep(request, slug, { ...next, provider, asks }, deps);
  return step === null ? back("stale") : seeOther(step);
}

type Redirect = Extract<NextStep, { readonly redirectUrl: string }>;

/** To the web, or on within our own pages; no provider's answer may lead a payer into a script or to a bare `http` site. */
function leadOn({ redirectUrl, tellsOrigin }: Redirect, { origin, local }: Deps): Response | null {
  const target = URL.parse(redirectUrl, origin);
  if (!target) return null;
  if (target.origin === origin) return seeOther(target.pathname + target.search);
  const safe = target.protocol === "https:" || (local && isLoopback(target.href));
  return safe ? seeOther(target.href, tellsOrigin ? "ORIGIN" : "NOTHING") : null;
}

function reasonOf(error: Exclude<StartPaymentError, { reason: "NOT_FOUND" }>): PayReason {
  switch (error.reason) {
    case "PROVIDER":
      return "provider";
    case "UNAVAILABLE":
      return "unavailable";
    case "REFUSED":
      return "refused";
    case "CONTACT":
      return "contact";
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
