/** Every event that partners may hear, as a page. Its words come from the catalogue. */
import { eventCatalogue, type Field, type Fields } from "../../core/event-catalogue.ts";
import { exampleOfEvent } from "../../core/event-schema.ts";
import { eventTypes, wireType, type EventType } from "../../core/events.ts";
import { Frame } from "./frame.tsx";

const kinds: Readonly<Record<Field["is"], string>> = {
  text: "string",
  instant: "RFC 3339 instant",
  count: "integer",
  flag: "boolean",
  anything: "any JSON",
  texts: "list of strings",
  thing: "object",
  things: "list of objects",
};

/** Each field with those inside it, such as `total.amount`. */
const rowsOf = (fields: Fields, prefix = ""): (readonly [string, Field])[] =>
  Object.entries(fields).flatMap(([name, field]) => [
    [prefix + name, field] as const,
    ...rowsOf(field.fields ?? {}, `${prefix}${name}${field.is === "things" ? "[]" : ""}.`),
  ]);

const kindOf = ({ is, nullable, optional }: Field): string =>
  [kinds[is], nullable && "or null", optional && "where there is one"].filter(Boolean).join(" ");

const Entry = ({ type }: { type: EventType }) => {
  const { when, fields, subject } = eventCatalogue[type];
  const name = wireType(type);
  return (
    <section class="card" id={name}>
      <h2>
        <code>{name}</code>
      </h2>
      <p>
        {when} In the graph: <code>{type}</code>. Ordered by <code>data.sequence</code> within its {subject}.{" "}
        <a href={`/schemas/events/${name}.json`}>JSON Schema</a>
      </p>
      <details>
        <summary>Fields of data</summary>
        <table>
          {rowsOf(fields).map(([path, field]) => (
            <tr>
              <td>
                <code>{path}</code>
              </td>
              <td class="soft">{kindOf(field)}</td>
              <td>{field.about}</td>
            </tr>
          ))}
        </table>
      </details>
      <details>
        <summary>Example</summary>
        <pre>{JSON.stringify(exampleOfEvent(type), null, 2)}</pre>
      </details>
    </section>
  );
};

export const EventsPage = () => (
  <Frame language="en" title="Huoma: events">
    <main class="sheet docs">
      <h1>Events</h1>
      <p>
        Sent to webhook endpoints, signed after Standard Webhooks, and read from <code>merchant.events</code> in the
        graph: the same ids and the same bodies. <code>webhook-id</code> is the event's id, the same over every attempt;
        each comes at least once. A THIN endpoint gets <code>sequence</code> and the fields of <code>data</code> that
        end in Id. <code>webhook.ping</code>, which only a person sends, is no event.
      </p>
      <ul>
        {eventTypes.map((type) => (
          <li>
            <a href={`#${wireType(type)}`}>{wireType(type)}</a>
          </li>
        ))}
      </ul>
      {eventTypes.map((type) => (
        <Entry type={type} />
      ))}
    </main>
  </Frame>
);
