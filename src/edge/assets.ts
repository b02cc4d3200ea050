/**
 * What the pages load, served by ourselves under a path that holds the hash of its content, so that it may be kept for good. A script is a
 * function that needs nothing but what it is handed, so its own source text, as the bundle carries it, is the file: no second build, and the
 * same minifier.
 */
import { createHash } from "node:crypto";
import { openCart } from "./browser/cart.mjs";
import { connect } from "./browser/graph.mjs";
import { openPage } from "./browser/page.mjs";
import { openSale } from "./browser/sale.mjs";
import { terminal } from "./browser/terminal.mjs";
import { wallet } from "./browser/wallet.mjs";
import { watch } from "./browser/watch.mjs";

type Content = { readonly extension: "js" | "svg"; readonly body: string };
type Asset = Content & { readonly path: string };

/** Calls the function with the others. */
const script = (main: () => void, ...parts: readonly { toString(): string }[]): Content => ({
  extension: "js",
  body: `(${main.toString()})(${parts.map((part) => part.toString()).join(",")});\n`,
});

const contents = {
  watch: () => script(watch),
  wallet: () => script(wallet),
  terminal: () => script(terminal as () => void, openPage, connect, openCart, openSale),
  /** Three finders and a point that lives. */
  icon: (): Content => ({
    extension: "svg",
    body: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b6b4f"/><path d="M8 8h6v6H8zm10 0h6v6h-6zM8 18h6v6H8z" fill="none" stroke="#fff" stroke-width="2.5" stroke-linejoin="round"/><circle cx="21" cy="21" r="4" fill="#3fcb97"/></svg>`,
  }),
};
export type AssetName = keyof typeof contents;
const names = Object.keys(contents) as AssetName[];

const types = { js: "text/javascript; charset=utf-8", svg: "image/svg+xml" } as const;

/** Made when first asked for: a redirect never needs them. */
const made = new Map<AssetName, Asset>();

function assetOf(name: AssetName): Asset {
  const known = made.get(name);
  if (known) return known;
  const content = contents[name]();
  const hash = createHash("sha256").update(content.body).digest("base64url").slice(0, 16);
  const asset = { ...content, path: `/assets/${name}-${hash}.${content.extension}` };
  made.set(name, asset);
  return asset;
}

export const assetPath = (name: AssetName): string => assetOf(name).path;

/** Null for a path that is no asset of this release. */
export function assetDoor({ method }: Request, path: string): Response | null {
  const asset = names.map(assetOf).find((one) => one.path === path);
  if (!asset) return null;
  return new Response(method === "HEAD" ? null : asset.body, {
    headers: {
      "content-type": types[asset.extension],
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
    },
  });
}
