/**
 * The browser behind a phone's requests: a random name in a cookie that only the code pages see. It is no person's: it says that who confirms
 * is who paid a moment later, and it is half of the nonce that every change from a phone needs.
 */
import { base32 } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { sameText, sha256Hex } from "../keys/root.ts";
import type { Deps } from "../resolvers/deps.ts";

export type Visitor = {
  /** What the order knows the browser by; the cookie cannot be found from it. */
  readonly claimant: string;
  readonly nonce: string;
  /** The header that gives the browser its name; null when it has one. */
  readonly setCookie: string | null;
};

const cookiePattern = /(?:^|;\s*)huoma=([0-9A-HJKMNP-TV-Z]{26})(?:;|$)/;
const nameOf = (request: Request): string | undefined => cookiePattern.exec(request.headers.get("cookie") ?? "")?.[1];
const claimantOf = (name: string): string => `browser_${sha256Hex(name).slice(0, 32)}`;

/** The visitor as a page shows itself to them; somebody new gets a name. */
export function meetVisitor(request: Request, slug: string, deps: Deps): Visitor {
  const known = nameOf(request);
  const name = known ?? base32(deps.random(17), 26);
  return {
    claimant: claimantOf(name),
    nonce: deps.keys.nonce(slug, name),
    setCookie: known === undefined ? cookie(name, deps.origin.startsWith("https:")) : null,
  };
}

/** The claimant, if the nonce was given to this very browser for this very code; else null. */
export function recogniseVisitor(request: Request, slug: string, nonce: string, deps: Deps): string | null {
  const name = nameOf(request);
  return name !== undefined && sameText(nonce, deps.keys.nonce(slug, name)) ? claimantOf(name) : null;
}

/** Signs what this browser is to bring back later, such as through a wallet; null for a browser without a name. */
export function visitorSeal(request: Request, slug: string, deps: Deps): ((text: string) => string) | null {
  const name = nameOf(request);
  return name === undefined ? null : (text) => deps.keys.nonce(`${slug} ${text}`, name);
}

/** Lax, because the payer comes back from another site; kept as long as a code may live. */
const cookie = (name: string, secure: boolean): string =>
  `huoma=${name}; Path=/c; Max-Age=${limits.liveCodeLifetimeMs.max / 1000}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
