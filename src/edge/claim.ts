/** `POST /c/:slug/claim`: whoever paid without a name says who they are. Leads back to the receipt. */
import { claimRecord } from "../resolvers/claim-record.ts";
import type { Deps } from "../resolvers/deps.ts";
import { enteredIn } from "./entered.ts";
import { notFound } from "./not-found.ts";
import { backToPage, readOwnForm } from "./own-form.ts";
import { unavailable } from "./unavailable.ts";

export async function claimDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  const own = await readOwnForm(request, slug, deps);
  if (!own.ok) return own.error;
  const { key, claimant, fields } = own.value;
  try {
    const token = fields.get("token") ?? "";
    const claimed = await claimRecord(deps, { slug, claimant, token, entered: enteredIn(fields, request) });
    if (claimed.ok) return backToPage(slug);
    switch (claimed.error.reason) {
      case "NOT_FOUND":
        return notFound();
      case "CONTACT":
        return backToPage(slug, "contact");
      case "TOKEN":
      case "TAKEN":
        return backToPage(slug, "stale");
    }
  } catch (fault) {
    return unavailable("claiming a record", key, fault);
  }
}
