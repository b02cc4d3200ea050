/** `POST /c/:slug/claim`: whoever paid without a name says who they are. Leads back to the receipt. */
import { claimRecord } from "../resolvers/claim-record.ts";
import type { Deps } from "../resolvers/deps.ts";
import { enteredIn } from "./entered.ts";
import { readForm } from "./form.ts";
import { seeOther } from "./headers.ts";
import type { PayReason } from "./messages.ts";
import { notFound } from "./not-found.ts";
import { unavailable } from "./unavailable.ts";
import { recogniseVisitor } from "./visitor.ts";

export async function claimDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  const key = deps.keys.orderOfSlug(slug);
  if (key === null) return notFound();
  const back = (reason: PayReason | null): Response => seeOther(`/c/${slug}${reason ? `?reason=${reason}` : ""}`);
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return back("stale");
  const form = await readForm(request);
  if (!form.ok) return form.error === "TOO_LARGE" ? new Response(null, { status: 413 }) : back("form");
  const claimant = recogniseVisitor(request, slug, form.value.get("nonce") ?? "", deps);
  if (claimant === null) return back("stale");
  try {
    const token = form.value.get("token") ?? "";
    const claimed = await claimRecord(deps, { slug, claimant, token, entered: enteredIn(form.value, request) });
    if (claimed.ok) return back(null);
    switch (claimed.error.reason) {
      case "NOT_FOUND":
        return notFound();
      case "CONTACT":
        return back("contact");
      case "TOKEN":
      case "TAKEN":
        return back("stale");
    }
  } catch (fault) {
    return unavailable("claiming a record", key, fault);
  }
}
