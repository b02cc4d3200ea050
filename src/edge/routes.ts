/** What phones and shop staff meet, by path. `answerScan` comes before every framework; the rest is mounted. */
import type { Hono } from "hono/tiny";
import type { Deps } from "../resolvers/deps.ts";
import { assetDoor } from "./assets.ts";
import { eventDocsDoor, eventSchemaDoor } from "./event-docs.tsx";
import { claimDoor } from "./claim.ts";
import { eventsDoor } from "./live-events.ts";
import { scanDoor } from "./live-code.tsx";
import { notFound } from "./not-found.ts";
import { payDoor } from "./pay.ts";
import { qrDoor, rememberedQr } from "./qr-door.ts";
import { schemaDoor } from "./schema-door.ts";
import { terminalDoor } from "./terminal.tsx";
import { walletStepDoor } from "./wallet-step.tsx";

export type DepsOf = (request: Request) => Deps;

/** Where the path begins and ends in an absolute URL. Cheaper than parsing it, and all that the hottest path needs. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.slice(start).search(/[?#]/);
  return start === -1 ? "/" : end === -1 ? url.slice(start) : url.slice(start, start + end);
}

/** As it was sent: an escaped slug is none, at every door alike. */
const slugIn = ({ url }: Request): string => pathOf(url).split("/")[2] ?? "";

/** GET and HEAD of `/c/:slug` and its images, without a framework; null for everything else, which goes on to the application. */
export function answerScan(request: Request, depsOf: DepsOf): Promise<Response> | Response | null {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  const path = pathOf(request.url);
  if (!path.startsWith("/c/")) return null;
  const [slug = "", part, ...more] = path.slice(3).split("/");
  if (part === undefined) return scanDoor(request, slug, depsOf(request));
  if (more.length === 0 && part === "qr.svg")
    return rememberedQr(request) ?? qrDoor(request, slug, "SVG", depsOf(request));
  if (more.length === 0 && part === "qr.png")
    return rememberedQr(request) ?? qrDoor(request, slug, "PNG", depsOf(request));
  return null;
}

export function mountEdge(app: Hono, depsOf: DepsOf): void {
  app.on(
    ["GET", "HEAD"],
    ["/c/:slug", "/c/:slug/qr.svg", "/c/:slug/qr.png"],
    async ({ req }) => (await answerScan(req.raw, depsOf)) ?? notFound(),
  );
  app.get("/c/:slug/events", ({ req }) => eventsDoor(req.raw, slugIn(req.raw), depsOf(req.raw)));
  app.post("/c/:slug/pay", ({ req }) => payDoor(req.raw, slugIn(req.raw), depsOf(req.raw)));
  app.get("/c/:slug/wallet", ({ req }) => walletStepDoor(req.raw, slugIn(req.raw), depsOf(req.raw)));
  app.post("/c/:slug/claim", ({ req }) => claimDoor(req.raw, slugIn(req.raw), depsOf(req.raw)));
  // Whatever else is asked of a code tells as little as a forged one.
  app.all("/c/*", () => notFound());
  app.get("/terminal", ({ req }) => terminalDoor(req.raw));
  app.get("/assets/:file", ({ req }) => assetDoor(req.raw, req.path) ?? new Response(null, { status: 404 }));
  app.get("/docs/events", () => eventDocsDoor());
  app.get("/schemas/events/:file", ({ req }) => eventSchemaDoor(req.param("file"), depsOf(req.raw).origin));
  app.get("/schemas/conversion-block.json", ({ req }) => schemaDoor(depsOf(req.raw)));
  app.get("/healthz", () =>
    Response.json({ ok: true, service: "huoma" }, { headers: { "cache-control": "no-store" } }),
  );
}
