/**
 * `GET /c/:slug/wallet`: the last step before a wallet that no redirect leads to. A code to scan with the phone beside this screen; a hand-over
 * to the wallet around this page; or the way back from a wallet that was asked who pays. It changes nothing: what it shows came from
 * `POST /c/:slug/pay`, sealed for the browser that asked, and what is to happen next is another form.
 */
import type { Money } from "../core/money.ts";
import type { PaymentProvider } from "../core/order.ts";
import { sameText } from "../keys/root.ts";
import { parseMap } from "../payments/json.ts";
import type { NextStep } from "../payments/provider.ts";
import type { Deps } from "../resolvers/deps.ts";
import { page, seeOther } from "./headers.ts";
import { chooseLanguage, languageCookie } from "./language.ts";
import { notFound } from "./not-found.ts";
import { render } from "./pages/frame.tsx";
import { WalletStepPage } from "./pages/wallet-step.tsx";
import { meetVisitor, visitorSeal } from "./visitor.ts";

export type WalletStep = Exclude<NextStep, { readonly redirectUrl: string }> & {
  readonly provider: PaymentProvider;
  /** What the payer is asked for. Absent from the release before. */
  readonly asks?: Money;
};

const sealedAs = "step ";
const path = (slug: string): string => `/c/${slug}/wallet`;

/** Where the step is shown; null for a browser without a name. */
export function wayToStep(request: Request, slug: string, step: WalletStep, deps: Deps): string | null {
  const seal = visitorSeal(request, slug, deps);
  const text = JSON.stringify(step);
  return seal && `${path(slug)}?${new URLSearchParams({ step: text, seal: seal(sealedAs + text) }).toString()}`;
}

/** What comes back with a grant, so that nobody's grant can be slipped to another browser. */
export const grantState = (request: Request, slug: string, deps: Deps): string =>
  visitorSeal(request, slug, deps)?.("grant") ?? "";
export const grantUrl = (slug: string, provider: PaymentProvider, { origin }: Deps): string =>
  `${origin}${path(slug)}?provider=${provider}`;

export async function walletStepDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  if (deps.keys.orderOfSlug(slug) === null) return notFound();
  const shown = shownIn(request, slug, deps);
  if (shown === null) return seeOther(`/c/${slug}?reason=stale`);
  const language = chooseLanguage({
    asked: languageCookie(request),
    acceptLanguage: request.headers.get("accept-language"),
    fallback: "en",
  });
  const { nonce } = meetVisitor(request, slug, deps);
  const markup = <WalletStepPage slug={slug} nonce={nonce} shown={shown} language={language} />;
  return page(await render(markup), {
    headers: { "content-language": language, vary: "accept-language, cookie" },
    leads: "ANYWHERE",
  });
}

export type ShownStep = WalletStep | { readonly grant: string; readonly provider: string };

/** What this very browser was given, or was sent back with; null for anybody else's. */
function shownIn(request: Request, slug: string, deps: Deps): ShownStep | null {
  const asked = new URL(request.url).searchParams;
  const seal = visitorSeal(request, slug, deps);
  if (!seal) return null;
  const grant = asked.get("code");
  if (grant !== null)
    return sameText(asked.get("state") ?? "", seal("grant")) ? { grant, provider: asked.get("provider") ?? "" } : null;
  const text = asked.get("step") ?? "";
  return sameText(asked.get("seal") ?? "", seal(sealedAs + text)) ? (parseMap(text) as WalletStep | null) : null;
}
