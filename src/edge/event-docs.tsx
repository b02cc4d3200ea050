/** What partners read about events: the page `/docs/events`, and a JSON Schema of each at `/schemas/events/:type.json`. All of it comes from one catalogue. */
import { eventTypeOf } from "../core/events.ts";
import { schemaOfEvent } from "../core/event-schema.ts";
import { page } from "./headers.ts";
import { EventsPage } from "./pages/events.tsx";
import { render } from "./pages/frame.tsx";

const cache = { "cache-control": "public, max-age=300" };

export async function eventDocsDoor(): Promise<Response> {
  return page(await render(<EventsPage />), { headers: { "content-language": "en", ...cache } });
}

/** `file` is `order.paid.json`. Anybody's tools may read it from anybody's page. */
export function eventSchemaDoor(file: string, origin: string): Response {
  const type = file.endsWith(".json") ? eventTypeOf(file.slice(0, -".json".length)) : undefined;
  const headers = {
    "access-control-allow-origin": "*",
    "content-type": "application/schema+json; charset=utf-8",
    ...cache,
  };
  if (!type) return Response.json({ error: "There is no such type of event." }, { status: 404, headers });
  return new Response(JSON.stringify(schemaOfEvent(type, `${origin}/schemas/events/${file}`), null, 2), { headers });
}
