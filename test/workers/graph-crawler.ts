/**
 * Documents made from the schema itself, so that what is added to the graph is crawled without anybody remembering it: every field is asked for
 * on a shortest way to it, and every mutation is called with inputs that name somebody's things.
 */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from "graphql";

/** One thing of each kind, by the word that arguments use for it: `order` for `orderId`; `id` for whatever an unspecific `id` means. */
export type Things = Readonly<Record<string, string>>;
export type Crawl = {
  readonly document: string;
  /** `Type.field` for every field that the document selects. */
  readonly visits: readonly string[];
};

type Field = GraphQLField<unknown, unknown>;
/** From a root to a type: each step as it is written, fragments included. */
type Way = { readonly steps: readonly string[]; readonly visits: readonly string[] };

const fieldsOf = (type: GraphQLNamedType): readonly Field[] =>
  isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];

/** A value that passes for what is wanted, written as GraphQL has it. Enough of an input to be looked at by a verb, not to be liked by it. */
export function writtenValue(type: GraphQLInputType, name: string, things: Things, all: boolean): string {
  if (isNonNullType(type)) return writtenValue(type.ofType, name, things, all);
  if (isListType(type)) return `[${writtenValue(type.ofType, name, things, all)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? "";
  if (isInputObjectType(type)) return writtenInput(type, things, all);
  switch (type.name) {
    case "ID":
      return JSON.stringify(things[name.replace(/Ids?$/, "")] ?? things["id"] ?? "nothing_0");
    case "Boolean":
      return "true";
    case "Int":
    case "SafeInt":
      return "1";
    case "DateTime":
      return `"2099-01-01T00:00:00Z"`;
    case "Decimal":
      return `"1.00"`;
    case "CurrencyCode":
      return `"CNY"`;
    case "URL":
      return `"https://crawler.example/"`;
    case "Locale":
      return `"en"`;
    case "JSON":
      return "{}";
    default:
      return JSON.stringify(things[name] ?? "crawled");
  }
}

function writtenInput(type: GraphQLInputObjectType, things: Things, all: boolean): string {
  const fields = Object.values(type.getFields());
  const wanted = type.isOneOf ? fields.slice(0, 1) : fields.filter((field) => all || isNonNullType(field.type));
  return `{ ${wanted.map((field) => `${field.name}: ${writtenValue(field.type, field.name, things, all)}`).join(", ")} }`;
}

/** Every way to call a field: with what it needs, with all it takes, and with each alternative of a one-of. */
function calls(field: Field, all: Things): readonly string[] {
  const things = { ...all, id: all[field.name] ?? all["order"] ?? "nothing_0" };
  // Small pages, so that what hangs on them costs little.
  const page = field.args.some(({ name }) => name === "first") ? ["first: 3"] : [];
  const written = (args: readonly GraphQLArgument[], whole: boolean): string => {
    const parts = [...page, ...args.map((arg) => `${arg.name}: ${writtenValue(arg.type, arg.name, things, whole)}`)];
    return parts.length === 0 ? field.name : `${field.name}(${parts.join(", ")})`;
  };
  const needed = field.args.filter(isRequiredArgument);
  const alternatives = field.args.flatMap((arg) => {
    const type = getNamedType(arg.type);
    if (!isInputObjectType(type) || !type.isOneOf) return [];
    return Object.values(type.getFields()).map(
      (one) => `${field.name}(${arg.name}: { ${one.name}: ${writtenValue(one.type, one.name, things, true)} })`,
    );
  });
  // Of a page's arguments only the filters: cursors are crawled by their own test.
  const filters = field.args.filter(
    ({ name, defaultValue }) => defaultValue === undefined && !["first", "last", "after", "before"].includes(name),
  );
  return [...new Set([written(needed, false), written(filters, true), ...alternatives])];
}

const isLeaf = (field: Field): boolean => isLeafType(getNamedType(field.type));

/** The leaves of a type; of an abstract one only what it turned out to be. */
export function leaves(type: GraphQLNamedType, things: Things): { text: string; visits: string[] } {
  const own = fieldsOf(isInterfaceType(type) ? ({} as never) : type).filter(isLeaf);
  return {
    text: ["__typename", ...own.map((field) => calls(field, things)[0] ?? field.name)].join(" "),
    visits: own.map(({ name }) => `${type.name}.${name}`),
  };
}

/** What may be selected below a type, each alternative by itself: one document cannot ask two types for one name of different kinds. */
function selections(schema: GraphQLSchema, type: GraphQLNamedType, things: Things) {
  if (!isUnionType(type) && !isInterfaceType(type)) return [leaves(type, things)];
  return schema.getPossibleTypes(type).map((possible) => {
    const { text, visits } = leaves(possible, things);
    return { text: `__typename ... on ${possible.name} { ${text} }`, visits };
  });
}

/** Every field that can be asked for, each on the shortest way from a root. */
export function crawlOf(schema: GraphQLSchema, root: GraphQLObjectType, things: Things): readonly Crawl[] {
  const crawls: Crawl[] = [];
  const met = new Set<GraphQLNamedType>([root]);
  const waiting: { readonly type: GraphQLNamedType; readonly way: Way }[] = [
    { type: root, way: { steps: [], visits: [] } },
  ];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { type, way } = next;
    for (const field of fieldsOf(type)) {
      const target = getNamedType(field.type);
      const visit = `${type.name}.${field.name}`;
      for (const call of calls(field, things)) {
        const below = isLeaf(field) ? [null] : selections(schema, target, things);
        for (const one of below)
          crawls.push({
            document: nested(way.steps, one ? `${call} { ${one.text} }` : call),
            visits: [...way.visits, visit, ...(one?.visits ?? [])],
          });
      }
      // What may be anything leads nowhere in particular: whatever it may be is crawled from elsewhere.
      if (isLeaf(field) || isInterfaceType(target) || met.has(target)) continue;
      met.add(target);
      const [call = field.name] = calls(field, things);
      const onward = { steps: [...way.steps, call], visits: [...way.visits, visit] };
      waiting.push({ type: target, way: onward });
    }
  }
  return crawls;
}

const nested = (steps: readonly string[], inside: string): string =>
  `{ ${steps.map((step) => `${step} { `).join("")}${inside}${" }".repeat(steps.length)} }`;

/** Every field that answers with a page: the way to it, with `PAGE` where its arguments go. */
export function pagesOf(schema: GraphQLSchema, root: GraphQLObjectType, things: Things) {
  const pages = new Map<
    string,
    { readonly field: Field; readonly document: (args: string, inside: string) => string }
  >();
  for (const { document, visits } of crawlOf(schema, root, things))
    for (const visit of visits) {
      const [typeName = "", name = ""] = visit.split(".");
      const type = schema.getType(typeName);
      const field = isObjectType(type) ? type.getFields()[name] : undefined;
      const start = document.lastIndexOf(`${name}(first: 3`);
      if (!field || start < 0 || !getNamedType(field.type).name.endsWith("Connection") || pages.has(visit)) continue;
      const before = document.slice(0, start);
      const depth = before.split("{").length - before.split("}").length;
      pages.set(visit, {
        field,
        document: (args, inside) => `${before}${name}${args && `(${args})`} { ${inside} }${" }".repeat(depth)}`,
      });
    }
  return pages;
}

/** The same questions in fewer documents. A refusal in one hides the rest, so only for whoever is refused nothing or everything. */
export function packed(crawls: readonly Crawl[]): readonly Crawl[] {
  const packs: { parts: string[]; visits: string[] }[] = [];
  for (const { document, visits } of crawls) {
    const inside = document.slice(1, -1).trim();
    const last = packs.at(-1);
    const room = last && last.parts.length < 6 && last.parts.join(" ").length + inside.length < 2_500;
    const pack = room ? last : { parts: [], visits: [] };
    if (!room) packs.push(pack);
    pack.parts.push(`${inside.startsWith("__") ? "" : `a${pack.parts.length}: `}${inside}`);
    pack.visits.push(...visits);
  }
  return packs.map(({ parts, visits }) => ({ document: `{ ${parts.join(" ")} }`, visits }));
}

/** Every mutation, once with what it needs and once with all it takes. */
export function mutationsOf(schema: GraphQLSchema, things: Things): readonly (Crawl & { readonly name: string })[] {
  const root = schema.getMutationType();
  if (!root) return [];
  return fieldsOf(root).flatMap((field) => {
    const visits: string[] = [`${root.name}.${field.name}`];
    const result = getNamedType(field.type);
    const types = isUnionType(result) ? result.getTypes() : [];
    const kindsOf = (name: string) => new Set(types.flatMap((type) => type.getFields()[name]?.type.toString() ?? []));
    const members = types.map((member, index) => {
      const parts = fieldsOf(member).map((inside) => {
        visits.push(`${member.name}.${inside.name}`);
        // Two members may have fields of one name and different kinds.
        const named = kindsOf(inside.name).size > 1 ? `m${index}_${inside.name}: ${inside.name}` : inside.name;
        if (isLeaf(inside)) return named;
        const below = leaves(getNamedType(inside.type), things);
        visits.push(...below.visits);
        return `${named} { ${below.text} }`;
      });
      return `... on ${member.name} { ${parts.join(" ")} }`;
    });
    return [false, true].map((all) => {
      const written = field.args.map((arg) => `${arg.name}: ${writtenValue(arg.type, arg.name, things, all)}`);
      return {
        name: field.name,
        document: `mutation { ${field.name}(${written.join(", ")}) { __typename ${members.join(" ")} } }`,
        visits,
      };
    });
  });
}

/** Every field that a client can reach, subscriptions aside: they are watched elsewhere. */
export function everyField(schema: GraphQLSchema): readonly string[] {
  const met = new Set<GraphQLNamedType>();
  const waiting: GraphQLNamedType[] = [schema.getQueryType(), schema.getMutationType()].filter((root) => !!root);
  for (let type = waiting.pop(); type; type = waiting.pop()) {
    if (met.has(type)) continue;
    met.add(type);
    if (isUnionType(type) || isInterfaceType(type)) waiting.push(...schema.getPossibleTypes(type));
    waiting.push(...fieldsOf(type).map((field) => getNamedType(field.type)));
  }
  return [...met].filter(isObjectType).flatMap((type) => fieldsOf(type).map(({ name }) => `${type.name}.${name}`));
}
