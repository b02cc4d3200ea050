/** The catalogue in words of JSON Schema (draft 2020-12), and as an example. Made when somebody asks: it is small, and nothing is kept twice. */
import { eventCatalogue, exampleOf, type Field, type Fields } from "./event-catalogue.ts";
import { wireType, type EventType } from "./events.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const types: Readonly<Record<Field["is"], JsonSchema>> = {
  text: { type: "string" },
  instant: { type: "string", format: "date-time" },
  count: { type: "integer" },
  flag: { type: "boolean" },
  anything: {},
  texts: { type: "array", items: { type: "string" } },
  thing: { type: "object" },
  things: { type: "array" },
};

/** Of a whole body: `type`, `timestamp` and `data`. `id` is where the schema is published. */
export function schemaOfEvent(type: EventType, id: string): JsonSchema {
  const { when, fields } = eventCatalogue[type];
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: id,
    title: wireType(type),
    description: when,
    type: "object",
    required: ["type", "timestamp", "data"],
    properties: {
      type: { const: wireType(type) },
      timestamp: { type: "string", format: "date-time", description: "When it happened." },
      data: objectOf(fields),
    },
    examples: [exampleOfEvent(type)],
  };
}

/** A body as it may arrive. What is undefined is left out, as it is when it is sent. */
export function exampleOfEvent(type: EventType): JsonSchema {
  const { fields, example } = eventCatalogue[type];
  const data = { ...exampleOf(fields), ...example };
  const body = JSON.stringify({ type: wireType(type), timestamp: "2026-11-23T08:00:00.000Z", data });
  return JSON.parse(body) as JsonSchema;
}

const objectOf = (fields: Fields): JsonSchema => ({
  type: "object",
  required: Object.keys(fields).filter((name) => !fields[name]?.optional),
  properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)])),
});

function schemaOf({ is, about, fields, values, nullable }: Field): JsonSchema {
  const inside = fields && objectOf(fields);
  const plain = { ...types[is], ...(is === "things" ? { items: inside } : inside), ...(values && { enum: values }) };
  const said = { description: about };
  return nullable && "type" in plain ? { ...plain, type: [plain["type"], "null"], ...said } : { ...plain, ...said };
}
