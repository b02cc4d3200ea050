/**
 * Documents by their ids. A client that ships with known documents sends their ids and not their texts; a key that was made with documents may
 * send nothing else, so that whoever takes it out of a browser can ask no more than the page does. An id is the hash of the text, as `persistedDocuments` of
 * graphql-codegen writes it.
 */
import { limits } from "../core/limits.ts";
import { Fresh } from "../core/recent.ts";
import { err, ok, type Result } from "../core/result.ts";
import { sha256Hex } from "../keys/root.ts";
import type { Caller } from "./caller.ts";
import type { Deps } from "./deps.ts";

export const documentIdOf = (text: string): string => `sha256:${sha256Hex(text)}`;

/** Stand among a key's scopes: they are what it may do. */
const permission = "document:";
export const permissionOf = (id: string): string => permission + id;
/** The ids of the documents that a key is confined to; null for a key that may send any. */
export function documentsIn(scopes: readonly string[]): ReadonlySet<string> | null {
  const ids = scopes.filter((scope) => scope.startsWith(permission)).map((scope) => scope.slice(permission.length));
  return ids.length > 0 ? new Set(ids) : null;
}

const texts = new Fresh<string>(limits.graphql.documentsKeptMax, limits.apiKeyCacheMs);

/** What is asked: by its text, by its id, or by both. Exactly one of them is enough. */
export type NamedDocument = { readonly text: string | null; readonly id: string | null };
export type UntrustedDocument = { readonly reason: "NOT_ALLOWED" | "UNKNOWN" | "DIFFERENT" };

/** The text of a document that this caller may send. */
export async function trustedText(
  deps: Deps,
  caller: Caller,
  { text, id }: NamedDocument,
): Promise<Result<string, UntrustedDocument>> {
  const allowed = caller.kind === "merchant" ? (caller.documents ?? null) : null;
  if (text !== null && id === null && !allowed) return ok(text);
  const own = text === null ? id : documentIdOf(text);
  if (own === null || (id !== null && own !== id)) return err({ reason: "DIFFERENT" });
  if (allowed && !allowed.has(own)) return err({ reason: "NOT_ALLOWED" });
  if (text !== null) return ok(text);
  const found = caller.kind === "merchant" ? await keptText(deps, caller.merchant.id, own) : null;
  return found === null ? err({ reason: "UNKNOWN" }) : ok(found);
}

async function keptText(deps: Deps, merchantId: string, id: string): Promise<string | null> {
  const name = `${merchantId} ${id}`;
  const now = deps.now();
  const known = texts.get(name, now);
  if (known !== undefined) return known;
  const found = id.length <= limits.documentIdLengthMax ? await deps.documents(merchantId).text(id) : null;
  if (found !== null) texts.set(name, found, now);
  return found;
}
