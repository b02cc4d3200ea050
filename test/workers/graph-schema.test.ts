/** The graph as it is built: described to the last argument, closed unless it says otherwise, and of one form throughout. */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
} from "graphql";
import { describe, expect, it } from "vitest";
import { schema as build } from "../../src/schema/index.ts";

const schema = build();

const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith("__"));
const builtIn = new Set(["String", "Int", "Float", "Boolean", "ID"]);
const objects = types.filter(isObjectType);
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].filter(
  (type) => type !== null && type !== undefined,
);
type Field = Pick<GraphQLField<unknown, unknown>, "name" | "description" | "type" | "extensions"> & {
  readonly args?: readonly GraphQLArgument[];
};
const fieldsOf = (type: GraphQLNamedType): Field[] =>
  isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)
    ? Object.values(type.getFields() as Readonly<Record<string, Field>>)
    : [];

type Options = { readonly authScopes?: unknown };
const ruleOf = ({ extensions }: { extensions: Readonly<Record<string, unknown>> }): unknown =>
  (extensions["pothosOptions"] as Options | undefined)?.authScopes;
const isShape = (type: GraphQLNamedType): boolean => type.extensions["shape"] === true;

/** What a client meets without having passed a rule on the way. */
function unguarded(type: GraphQLObjectType): string[] {
  if (roots.includes(type))
    return fieldsOf(type).flatMap((field) => (ruleOf(field) ? [] : [`${type.name}.${field.name}`]));
  return ruleOf(type) || isShape(type) ? [] : [type.name];
}

describe("the graph", () => {
  it("describes every type, field, argument and value", () => {
    const silent = types
      .filter(({ name }) => !builtIn.has(name))
      .flatMap((type) => [
        ...(type.description ? [] : [type.name]),
        ...(isEnumType(type)
          ? type.getValues().flatMap((value) => (value.description ? [] : [`${type.name}.${value.name}`]))
          : []),
        ...fieldsOf(type).flatMap((field) => [
          ...(field.description ? [] : [`${type.name}.${field.name}`]),
          ...(field.args ?? []).flatMap((arg) => (arg.description ? [] : [`${type.name}.${field.name}(${arg.name})`])),
        ]),
      ]);
    expect(silent).toEqual([]);
    const directive = schema.getDirective("idempotent");
    expect(directive?.description && directive.args.every(({ description }) => description)).toBeTruthy();
  });

  it("shows nothing that says nothing about who may see it", () => {
    expect(objects.flatMap(unguarded)).toEqual([]);
    // A shape is only as closed as the way to it, so nothing with an id of its own may be one.
    const node = schema.getType("Node");
    const open = objects.filter((type) => isShape(type) && type.getInterfaces().some((face) => face === node));
    expect(open.map(({ name }) => name)).toEqual([]);
  });

  it("has mutations of one form: one input, and a union of a success and of errors", () => {
    const userError = schema.getType("UserError");
    expect(isInterfaceType(userError)).toBe(true);
    for (const field of fieldsOf(schema.getMutationType()!)) {
      const pascal = field.name.charAt(0).toUpperCase() + field.name.slice(1);
      const args = field.args ?? [];
      expect(args.map(({ name, type }) => `${name}: ${String(type)}`)).toEqual([`input: ${pascal}Input!`]);
      expect(isInputObjectType(getNamedType(args[0]!.type))).toBe(true);
      expect(String(field.type)).toBe(`${pascal}Result!`);
      const result = getNamedType(field.type);
      if (!isUnionType(result)) throw new Error(`${field.name} answers no union`);
      const failures = result.getTypes().filter(({ name }) => name !== `${pascal}Success`);
      expect(failures.length).toBeGreaterThan(0);
      expect(result.getTypes()).toHaveLength(failures.length + 1);
      for (const failure of failures) expect(failure.getInterfaces()).toContain(userError);
    }
  });

  it("has pages of one form", () => {
    const pages = objects.filter(({ name }) => name.endsWith("Connection"));
    expect(pages.length).toBeGreaterThan(4);
    for (const page of pages) {
      const names = fieldsOf(page).map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(["edges", "nodes", "pageInfo"]));
      const item = page.name.replace("Connection", "");
      expect(String(page.getFields()["nodes"]?.type)).toBe(`[${item}!]!`);
      expect(String(page.getFields()["edges"]?.type)).toBe(`[${item}Edge!]!`);
    }
    const paged = objects.flatMap((type) =>
      fieldsOf(type).filter((field) => getNamedType(field.type).name.endsWith("Connection")),
    );
    for (const field of paged)
      expect(field.args?.map(({ name }) => name)).toEqual(expect.arrayContaining(["first", "after"]));
  });
});

describe("the rule about rules", () => {
  const type = (extensions: Record<string, unknown>) =>
    ({ name: "X", extensions, getFields: () => ({}) }) as unknown as GraphQLObjectType;

  it("sees a type that forgot to say who may see it", () => {
    expect(unguarded(type({ pothosOptions: {} }))).toEqual(["X"]);
    expect(unguarded(type({ pothosOptions: { authScopes: { merchant: true } } }))).toEqual([]);
    expect(unguarded(type({ shape: true, pothosOptions: {} }))).toEqual([]);
  });
});
