/** `GET /c/:slug`: a scanning phone. Leads to what the code means now; changes nothing but the scan counters. */
import type { Shown } from "../durable/protocol.ts";
import { scanLiveCode } from "../resolvers/scan-live-code.ts";
import type { Deps } from "../resolvers/deps.ts";
import { assetPath } from "./assets.ts";
import { page } from "./headers.ts";
import { chooseLanguage, languageCookie } from "./language.ts";
import { payReasons, type PayReason } from "./messages.ts";
import { notFound } from "./not-found.ts";
import { render } from "./pages/frame.tsx";
import { PayerPage } from "./pages/payer.tsx";
import { payerView } from "./pages/payer-view.ts";
import { isPerson } from "./person.ts";
import { unavailable } from "./unavailable.ts";
import { meetVisitor } from "./visitor.ts";
import { sceneOf } from "./wallets.ts";

/** A slug that verifies costs one object call. Nothing stands before it: the redirect is the product's hottest path. */
export async function scanDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  try {
    const scanned = await scanLiveCode(deps, { slug, human: isPerson(request) });
    if (!scanned.ok) return notFound();
    if (typeof scanned.value !== "string") return await payerPage(request, slug, scanned.value, deps);
    return new Response(null, {
      status: 302,
      headers: { location: scanned.value, "cache-control": "no-store", "referrer-policy": "no-referrer" },
    });
  } catch (fault) {
    return unavailable("a scan", deps.keys.orderOfSlug(slug), fault);
  }
}

async function payerPage(
  request: Request,
  slug: string,
  { state, order }: Exclude<Shown, string>,
  deps: Deps,
): Promise<Response> {
  const asked = new URL(request.url).searchParams;
  const visitor = meetVisitor(request, slug, deps);
  const now = deps.now();
  const language = chooseLanguage({
    asked: asked.get("lang") ?? languageCookie(request),
    acceptLanguage: request.headers.get("accept-language"),
    fallback: order.terms.merchant.locale,
  });
  const markup = (
    <PayerPage
      slug={slug}
      nonce={visitor.nonce}
      claimToken={deps.keys.claim(slug, visitor.claimant)}
      order={order}
      state={state}
      view={payerView(order, state, { claimant: visitor.claimant, scene: sceneOf(request), now })}
      language={language}
      reason={reasonOf(asked.get("reason"))}
      now={now}
      script={assetPath("watch")}
    />
  );
  const answer = page(await render(markup), {
    headers: { "content-language": language, vary: "accept-language, cookie, user-agent" },
    leads: "ANYWHERE",
  });
  if (visitor.setCookie) answer.headers.append("set-cookie", visitor.setCookie);
  if (asked.has("lang")) answer.headers.append("set-cookie", `lang=${language}; Path=/c; SameSite=Lax`);
  return answer;
}

const reasonOf = (text: string | null): PayReason | null => payReasons.find((reason) => reason === text) ?? null;
