/**
 * `/sandbox/wallet/:paymentId`: the pretend wallet's page and its form. To the product this is another company's site: it learns of a payment
 * by notification or by asking, never from here.
 */
import { base32, orderKeyOf, prefixOf, type OrderKey } from "../core/ids.ts";
import type { SandboxWalletProtocol } from "../durable/sandbox-wallet.ts";
import type { Deps } from "../resolvers/deps.ts";
import { readForm } from "./form.ts";
import { page, seeOther } from "./headers.ts";
import { chooseLanguage } from "./language.ts";
import { notFound } from "./not-found.ts";
import { render } from "./pages/frame.tsx";
import { WalletPage } from "./pages/wallet.tsx";
import { readDecision } from "./sandbox-decision.ts";

/** `wallets` gives the wallet that keeps an order's payments. */
export type SandboxWalletDoor = Deps & { readonly wallets: (order: OrderKey) => SandboxWalletProtocol };

export async function sandboxWalletDoor(request: Request, payment: string, deps: SandboxWalletDoor): Promise<Response> {
  const order = prefixOf(payment) === "payment" ? orderKeyOf(payment) : null;
  const wallet = order && deps.wallets(order);
  const view = await wallet?.look(payment);
  if (!wallet || !view) return notFound();

  const person = meetPerson(request, deps);
  const show = async (wrong: readonly string[], status: number): Promise<Response> => {
    const language = chooseLanguage({ acceptLanguage: request.headers.get("accept-language"), fallback: "en" });
    const markup = <WalletPage payment={payment} view={view} person={person.name} wrong={wrong} language={language} />;
    const answer = page(await render(markup), {
      status,
      headers: { "content-language": language, vary: "accept-language, cookie" },
      leads: "ANYWHERE",
    });
    return withCookie(answer, person);
  };
  if (request.method !== "POST") return show([], 200);

  const form = await readForm(request);
  if (!form.ok) return form.error === "TOO_LARGE" ? new Response(null, { status: 413 }) : show(["outcome"], 400);
  const decision = readDecision(form.value, view.currency, person.name);
  if (!decision.ok) return show(decision.error, 400);
  await wallet.decide(payment, decision.value);
  return withCookie(seeOther(wayBack(request, view.returnUrl, deps)), person);
}

/** A path while the payer stays with us, under whatever name they reached us. */
function wayBack(request: Request, returnUrl: string, { origin }: Deps): string {
  const target = new URL(returnUrl);
  return target.origin === origin || target.origin === new URL(request.url).origin
    ? target.pathname + target.search
    : target.href;
}

/** The wallet's own idea of who holds the phone: one person per browser. */
type Person = { readonly name: string; readonly setCookie: string | null };

function meetPerson(request: Request, { random, origin }: Deps): Person {
  const known = /(?:^|;\s*)wallet=(wallet-[0-9A-Z]{10})(?:;|$)/.exec(request.headers.get("cookie") ?? "")?.[1];
  if (known !== undefined) return { name: known, setCookie: null };
  const name = `wallet-${base32(random(7), 10)}`;
  const secure = origin.startsWith("https:") ? "; Secure" : "";
  return { name, setCookie: `wallet=${name}; Path=/sandbox; Max-Age=31536000; HttpOnly; SameSite=Lax${secure}` };
}

function withCookie(answer: Response, { setCookie }: Person): Response {
  if (setCookie !== null) answer.headers.append("set-cookie", setCookie);
  return answer;
}
