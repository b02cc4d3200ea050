/** What every page says to the browser about itself. */
import { createHash } from "node:crypto";
import { style } from "./pages/style.ts";

/** A page's only inline style is the one constant sheet, so its hash is constant, and with it the whole policy. */
const styleHash = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;

/** Nothing but ourselves: no frame around us, no script inline, no form that leads elsewhere. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src ${styleHash}`,
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const pageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex, nofollow",
  // To our own pages only: a slug is a key, and no other site is to learn it.
  "referrer-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
  "cross-origin-opener-policy": "same-origin",
  "strict-transport-security": "max-age=31536000",
};

export type PageOptions = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Browsers hold the redirects after a form to `form-action` too, and a form that pays leads on to whichever site the provider, or the merchant
   * behind a paid code, has. Nobody but us writes forms into our pages.
   */
  readonly leads?: "HERE" | "ANYWHERE";
};

const leadingAnywhere = contentSecurityPolicy.replace("form-action 'self'", "form-action 'self' https: http:");

/** `markup` begins with `<html`. */
export const page = (markup: string, { status = 200, headers = {}, leads = "HERE" }: PageOptions = {}): Response =>
  new Response(`<!doctype html>${markup}`, {
    status,
    headers: {
      ...pageHeaders,
      ...(leads === "ANYWHERE" && { "content-security-policy": leadingAnywhere }),
      ...headers,
    },
  });

/** After a form: the browser asks again with GET. `tells`: whether the other site learns from which one the payer comes, and no more. */
export const seeOther = (location: string, tells: "NOTHING" | "ORIGIN" = "NOTHING"): Response =>
  new Response(null, {
    status: 303,
    headers: {
      location,
      "cache-control": "no-store",
      "referrer-policy": tells === "ORIGIN" ? "origin" : "same-origin",
    },
  });
