/**
 * `GET /c/:slug/qr.svg` and `/c/:slug/qr.png`: the image of a live code. A code's image never changes, so it is drawn once, kept in this isolate
 * and in the edge's cache, and may be kept by everyone for good.
 */
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";
import type { Deps } from "../resolvers/deps.ts";
import { notFound } from "./not-found.ts";
import { drawPng, drawSvg, isDrawable, qrDefaults, qrErrorCorrections, type QrDrawing } from "./qr.ts";

type Drawn = { readonly body: string | Uint8Array<ArrayBuffer>; readonly headers: Readonly<Record<string, string>> };

/** By the whole URL asked for. */
const memo = new Recent<Drawn>(limits.qrImagesKeptMax);

/** An image that this isolate has drawn before, without a look at anything else: its slug was verified then. */
export function rememberedQr({ method, url }: Request): Response | null {
  const drawn = memo.get(url);
  return drawn ? answer(drawn, method) : null;
}

export async function qrDoor(
  request: Request,
  slug: string,
  format: QrDrawing["format"],
  deps: Deps,
): Promise<Response> {
  if (deps.keys.orderOfSlug(slug) === null) return notFound();
  const wish = wishOf(new URL(request.url).searchParams);
  if (!wish)
    return new Response("size, margin or ecc is out of range\n", {
      status: 400,
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    });
  const drawn = await cached({ ...wish, url: `${deps.origin}/c/${slug}`, format }, deps);
  memo.set(request.url, drawn);
  return answer(drawn, request.method);
}

type Wish = Pick<QrDrawing, "size" | "margin" | "errorCorrection">;

function wishOf(asked: URLSearchParams): Wish | null {
  const number = (name: string, otherwise: number): number => {
    const text = asked.get(name);
    return text === null ? otherwise : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  };
  const ecc = asked.get("ecc") ?? qrDefaults.errorCorrection;
  const errorCorrection = qrErrorCorrections.find((level) => level === ecc.toUpperCase());
  const wish = { size: number("size", qrDefaults.size), margin: number("margin", qrDefaults.margin) };
  return errorCorrection && isDrawable(wish) ? { ...wish, errorCorrection } : null;
}

/** From the edge's cache if another isolate of this place drew it. The name is canonical, so that spellings of one wish share one image. */
async function cached(drawing: QrDrawing, deps: Deps): Promise<Drawn> {
  const { url, format, size, margin, errorCorrection } = drawing;
  const name = `${url}/qr.${format.toLowerCase()}?size=${size}&margin=${margin}&ecc=${errorCorrection}`;
  const cache = await caches.open("live-code-images");
  const found = await cache.match(name);
  if (found)
    return format === "SVG" ? drawnSvg(await found.text()) : drawnPng(new Uint8Array(await found.arrayBuffer()));
  const drawn = format === "SVG" ? drawnSvg(drawSvg(drawing)) : drawnPng(await drawPng(drawing));
  deps.waitUntil(cache.put(name, answer(drawn, "GET")));
  return drawn;
}

const headersFor = (type: string): Drawn["headers"] => ({
  "content-type": type,
  "cache-control": "public, max-age=31536000, immutable",
  // Somebody who opens the image by itself gets an image and nothing else.
  "content-security-policy": "default-src 'none'; sandbox",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "cross-origin",
});
const svgHeaders = headersFor("image/svg+xml");
const pngHeaders = headersFor("image/png");
const drawnSvg = (body: string): Drawn => ({ body, headers: svgHeaders });
const drawnPng = (body: Uint8Array<ArrayBuffer>): Drawn => ({ body, headers: pngHeaders });

const answer = ({ body, headers }: Drawn, method: string): Response =>
  new Response(method === "HEAD" ? null : body, { headers });
