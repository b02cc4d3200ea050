/** Somebody, or something, looks at a live code: where does it lead now? */
import { err, ok, type Result } from "../core/result.ts";
import type { Shown } from "../durable/protocol.ts";
import type { Deps } from "./deps.ts";

export type ScanLiveCode = {
  readonly slug: string;
  /** False for bots, previews and our own pages: nothing is counted. */
  readonly human: boolean;
};
/** One error for malformed, forged and never placed: whoever guesses learns nothing. */
export type ScanLiveCodeError = { readonly reason: "NOT_FOUND" };

const notFound = err<ScanLiveCodeError>({ reason: "NOT_FOUND" });

export async function scanLiveCode(
  deps: Deps,
  { slug, human }: ScanLiveCode,
): Promise<Result<Shown, ScanLiveCodeError>> {
  const key = deps.keys.orderOfSlug(slug);
  if (key === null) return notFound;
  const shown = await deps.liveCode(key).scan(human);
  return shown === null ? notFound : ok(shown);
}
