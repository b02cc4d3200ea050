/**
 * The scripts of the pages, served by ourselves. Each is a function that needs nothing but what it is handed, so its own source text, as the
 * bundle carries it, is the file: no second build, and the same minifier. The path holds the hash of the content, so it may be kept for good.
 */
import { createHash } from "node:crypto";
import { openCart } from "./browser/cart.mjs";
import { connect } from "./browser/graph.mjs";
import { openPage } from "./browser/page.mjs";
import { openSale } from "./browser/sale.mjs";
import { terminal } from "./browser/terminal.mjs";
import { watch } from "./browser/watch.mjs";

/** The function that is called, then those that it is called with. */
const scripts = { terminal: [terminal, openPage, connect, openCart, openSale], watch: [watch] } as const;
export type AssetName = keyof typeof scripts;
type Asset = { readonly path: string; readonly body: string };

/** Made when first asked for: a redirect never needs them. */
const made = new Map<AssetName, Asset>();

function assetOf(name: AssetName): Asset {
  const known = made.get(name);
  if (known) return known;
  const [main, ...parts] = scripts[name].map((one) => one.toString());
  const body = `(${main})(${parts.join(",")});\n`;
  const hash = createHash("sha256").update(body).digest("base64url").slice(0, 16);
  const asset = { path: `/assets/${name}-${hash}.js`, body };
  made.set(name, asset);
  return asset;
}

export const assetPath = (name: AssetName): string => assetOf(name).path;

/** Null for a path that is no asset of this release. */
export function assetDoor({ method }: Request, path: string): Response | null {
  const name = (Object.keys(scripts) as AssetName[]).find((one) => assetOf(one).path === path);
  if (!name) return null;
  return new Response(method === "HEAD" ? null : assetOf(name).body, {
    headers: {
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
    },
  });
}
