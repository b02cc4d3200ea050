import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * The rooms of the house, from the ground up. A room may import itself and what lies below it, never a neighbour and never
 * upwards. `without` names packages that do not belong there, so that a verb knows no GraphQL and the core knows nobody.
 */
const rooms: Record<string, { below: string[]; without: RegExp }> = {
  core: { below: [], without: /./ },
  keys: { below: ["core"], without: /^(graphql|@pothos|hono|cloudflare:)/ },
  db: { below: ["core"], without: /^(graphql|@pothos|hono)/ },
  payments: { below: ["core"], without: /^(graphql|@pothos|hono)/ },
  conversions: { below: ["core"], without: /^(graphql|@pothos|hono)/ },
  webhooks: { below: ["core"], without: /^(graphql|@pothos|hono)/ },
  durable: { below: ["core", "keys", "db", "payments", "conversions", "webhooks"], without: /^(graphql|@pothos|hono)/ },
  resolvers: {
    below: ["core", "keys", "db", "payments", "conversions", "webhooks", "durable"],
    without: /^(graphql|@pothos|hono|cloudflare:)/,
  },
  schema: {
    below: ["core", "keys", "db", "payments", "conversions", "webhooks", "durable", "resolvers"],
    without: /^hono/,
  },
  edge: {
    below: ["core", "keys", "db", "payments", "conversions", "webhooks", "durable", "resolvers"],
    without: /^(graphql|@pothos)/,
  },
};

/** Files directly in src wire the rooms together: they import anything, and no room imports them. */
const wiring = "";

/** Names that say nothing, so anything would fit in. */
const emptyNames = /(^|\/)(utils?|helpers?|common|services?|lib|misc|shared|tools)(\/|\.tsx?$)/;

const linesMax = 300;

/** The declarations of the tables: what drizzle is for. */
const tables: readonly string[] = ["src/db/tables.ts", "src/db/customer-tables.ts"];

type Source = { path: string; text: string };

const roomOf = (path: string) => (path.split("/").length > 2 ? (path.split("/")[1] ?? wiring) : wiring);

/** Everything a file imports, types included: what is imported for its type is still known. */
function importsOf({ path, text }: Source) {
  const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g)].map((match) => match[1] ?? "");
  return specifiers.map((specifier) => ({
    specifier,
    target: specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined,
  }));
}

function trespasses(source: Source): string[] {
  const name = roomOf(source.path);
  if (name === wiring) return [];
  const room = rooms[name];
  if (!room) return [`${source.path} stands in a room that is not in the picture`];
  return importsOf(source).flatMap(({ specifier, target }) => {
    const allowed = target
      ? target.startsWith("src/") && [name, ...room.below].includes(roomOf(target))
      : !room.without.test(specifier);
    return allowed ? [] : [`${source.path} imports ${specifier}`];
  });
}

const typeImport = /\b(?:import|export) type [^;"']*from\s*["'][^"'\n]+["']/g;

/** Drizzle makes migrations and types of rows of the tables. One import that runs would bring all of it into the Worker. */
function runsDrizzle({ path, text }: Source): string[] {
  if (tables.includes(path)) return [];
  const drizzle = importsOf({ path, text }).filter(({ specifier }) => specifier.startsWith("drizzle"));
  const running = importsOf({ path, text: text.replaceAll(typeImport, "") }).filter(
    ({ target }) => target !== undefined && tables.includes(target),
  );
  return [...drizzle, ...running].map(({ specifier }) => `${path} imports ${specifier}`);
}

const sources: Source[] = globSync("src/**/*.{ts,tsx}")
  .map((path) => path.replaceAll("\\", "/"))
  .toSorted()
  .map((path) => ({ path, text: readFileSync(path, "utf8") }));

describe("the house", () => {
  it("imports only downwards", () => {
    expect(sources.flatMap(trespasses)).toEqual([]);
  });

  it("has no file too long for one reading", () => {
    // All limits stand in one list, which is looked up and not read.
    const read = sources.filter(({ path }) => path !== "src/core/limits.ts");
    const long = read.filter(({ text }) => text.trimEnd().split("\n").length > linesMax);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it("has no room or file with an empty name", () => {
    expect(sources.filter(({ path }) => emptyNames.test(path)).map(({ path }) => path)).toEqual([]);
  });

  it("takes zod only in its small form", () => {
    const large = sources.flatMap((source) =>
      importsOf(source)
        .filter(({ specifier }) => /^zod(?!\/mini$)/.test(specifier))
        .map(({ specifier }) => `${source.path} imports ${specifier}`),
    );
    const named = sources.filter(({ text }) => /import (?!\* as z )[^;]*from "zod\/mini"/.test(text));
    expect([...large, ...named.map(({ path }) => `${path} imports zod/mini by name`)]).toEqual([]);
  });

  it("knows drizzle only where the tables are declared, and the tables only by their types", () => {
    expect(sources.flatMap(runsDrizzle)).toEqual([]);
  });
});

describe("the test itself", () => {
  const found = (path: string, text: string) => trespasses({ path, text }).length;

  it("sees imports that go up, sideways, to the wiring, or to a package that does not belong", () => {
    expect(found("src/core/order.ts", `import type { Db } from "../db/tables.ts";`)).toBe(1);
    expect(found("src/core/order.ts", `import { createHmac } from "node:crypto";`)).toBe(1);
    expect(found("src/db/a.ts", `export { b } from "../webhooks/b.ts";`)).toBe(1);
    expect(found("src/schema/a.ts", `const page = await import("../edge/page.tsx");`)).toBe(1);
    expect(found("src/resolvers/a.ts", `import { app } from "../app.ts";`)).toBe(1);
    expect(found("src/resolvers/a.ts", `import { GraphQLError } from "graphql";`)).toBe(1);
    expect(found("src/stuff/a.ts", ``)).toBe(1);
  });

  it("sees tables that run, and lets them be known by their types", () => {
    const running = (text: string) => runsDrizzle({ path: "src/db/a.ts", text }).length;
    expect(running(`import type { SQL } from "drizzle-orm";`)).toBe(1);
    expect(running(`import { orders } from "./tables.ts";`)).toBe(1);
    expect(running(`import { a } from "./a.ts";\nimport { type orders } from "./tables.ts";`)).toBe(1);
    expect(running(`export { orders } from "../db/tables.ts";`)).toBe(1);
    expect(running(`import type { a } from "./a.ts";\nimport type * as tables from "./tables.ts";`)).toBe(0);
    expect(running(`import type {\n  orders,\n} from "./tables.ts";`)).toBe(0);
  });

  it("lets a room import itself and what lies below", () => {
    expect(found("src/core/order.ts", `import {\n  add,\n} from "./money.ts";`)).toBe(0);
    expect(found("src/durable/live-code/x.ts", `import "../../core/order.ts";\nimport "cloudflare:workers";`)).toBe(0);
    expect(found("src/app.ts", `import { schema } from "./schema/index.ts";`)).toBe(0);
  });
});
