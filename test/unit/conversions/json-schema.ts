/** As much of JSON Schema 2020-12 as the published schemas use, written from its words and not from ours: it is what ours is held against. */
type Schema = Readonly<Record<string, unknown>>;

export function conforms(root: object, value: unknown): boolean {
  const test = (schema: Schema, given: unknown): boolean => {
    if (typeof schema["$ref"] === "string") return test(resolve(root, schema["$ref"]), given);
    const rules: readonly boolean[] = [
      schema["const"] === undefined || given === schema["const"],
      !Array.isArray(schema["enum"]) || schema["enum"].includes(given),
      !Array.isArray(schema["oneOf"]) || schema["oneOf"].filter((one) => test(one as Schema, given)).length === 1,
      schema["type"] === undefined || isOfType(schema["type"] as string, given),
      typeof given !== "string" || fitsText(schema, given),
      typeof given !== "number" ||
        (given >= ((schema["minimum"] as number | undefined) ?? -Infinity) &&
          given <= ((schema["maximum"] as number | undefined) ?? Infinity)),
      !Array.isArray(given) ||
        (given.length >= ((schema["minItems"] as number | undefined) ?? 0) &&
          given.length <= ((schema["maxItems"] as number | undefined) ?? Infinity) &&
          (schema["items"] === undefined || given.every((one) => test(schema["items"] as Schema, one)))),
      !isRecord(given) || fitsObject(schema, given),
    ];
    return rules.every(Boolean);
  };
  const fitsObject = (schema: Schema, given: Readonly<Record<string, unknown>>): boolean => {
    const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
    const names = Object.keys(given).filter((name) => given[name] !== undefined);
    const more = schema["additionalProperties"];
    const pattern = (schema["propertyNames"] as { pattern?: string } | undefined)?.pattern;
    return (
      ((schema["required"] ?? []) as string[]).every((name) => names.includes(name)) &&
      names.length >= ((schema["minProperties"] as number | undefined) ?? 0) &&
      names.length <= ((schema["maxProperties"] as number | undefined) ?? Infinity) &&
      names.every((name) => pattern === undefined || new RegExp(pattern, "u").test(name)) &&
      names.every((name) => {
        const property = properties[name];
        if (property) return test(property, given[name]);
        return more === undefined || more === true || (more !== false && test(more as Schema, given[name]));
      })
    );
  };
  return test(root as Schema, value);
}

const fitsText = (schema: Schema, given: string): boolean => {
  const length = Array.from(given).length;
  return (
    length >= ((schema["minLength"] as number | undefined) ?? 0) &&
    length <= ((schema["maxLength"] as number | undefined) ?? Infinity) &&
    (schema["pattern"] === undefined || new RegExp(schema["pattern"] as string, "u").test(given))
  );
};

function isOfType(type: string, given: unknown): boolean {
  switch (type) {
    case "object":
      return isRecord(given);
    case "array":
      return Array.isArray(given);
    case "integer":
      return Number.isInteger(given);
    default:
      return typeof given === type;
  }
}

const isRecord = (given: unknown): given is Readonly<Record<string, unknown>> =>
  typeof given === "object" && given !== null && !Array.isArray(given);

function resolve(root: object, reference: string): Schema {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((inside, name) => (inside as Schema)[name], root) as Schema;
}
