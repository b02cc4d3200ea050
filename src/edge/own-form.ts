/**
 * The form of a code's page, sent from the very browser that was shown it. A page that was not ours, or not this browser's, is led back to the page
 * with a reason, and changes nothing.
 */
import type { OrderKey } from "../core/ids.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Deps } from "../resolvers/deps.ts";
import { readForm } from "./form.ts";
import { seeOther } from "./headers.ts";
import type { PayReason } from "./messages.ts";
import { notFound } from "./not-found.ts";
import { recogniseVisitor } from "./visitor.ts";

export type OwnForm = { readonly key: OrderKey; readonly claimant: string; readonly fields: URLSearchParams };

export const backToPage = (slug: string, reason: PayReason | null = null): Response =>
  seeOther(`/c/${slug}${reason ? `?reason=${reason}` : ""}`);

/** Or what its sender is answered instead. */
export async function readOwnForm(request: Request, slug: string, deps: Deps): Promise<Result<OwnForm, Response>> {
  const key = deps.keys.orderOfSlug(slug);
  if (key === null) return err(notFound());
  // Browsers that do not say are held by the cookie, which is Lax, and the nonce.
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return err(backToPage(slug, "stale"));
  const form = await readForm(request);
  if (!form.ok) return err(form.error === "TOO_LARGE" ? new Response(null, { status: 413 }) : backToPage(slug, "form"));
  const claimant = recogniseVisitor(request, slug, form.value.get("nonce") ?? "", deps);
  return claimant === null ? err(backToPage(slug, "stale")) : ok({ key, claimant, fields: form.value });
}
