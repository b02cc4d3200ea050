/**
 * Shapes of JSON, said once: each checks a value, naming every fault with its path, and describes itself as JSON Schema (2020-12). So what is
 * published about a document and what is accepted as one cannot differ. Closed: a field that is not named is a fault.
 */
export type Fault = { readonly path: readonly string[]; readonly message: string };
type Check = (
  value: unknown,
  path: readonly string[],
  fail: (path: readonly string[], message: string) => void,
) => void;
export type Shape = { readonly schema: object; readonly check: Check; readonly optional?: true };

export function faultsIn(shape: Shape, value: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  shape.check(value, [], (path, message) => void faults.push({ path, message }));
  return faults;
}

/** Says something, in characters that people write. */
const prose = /^(?=[\s\S]*\S)(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u;

export const text = (max: number, options: { readonly pattern?: RegExp; readonly what?: string } = {}): Shape => {
  const { pattern = prose, what = `must be a text of 1 to ${max} characters, without control characters` } = options;
  return {
    schema: { type: "string", minLength: 1, maxLength: max, pattern: pattern.source },
    check: (value, path, fail) => {
      if (typeof value !== "string" || Array.from(value).length > max || !pattern.test(value)) fail(path, what);
    },
  };
};

export const integer = (minimum: number, maximum: number): Shape => ({
  schema: { type: "integer", minimum, maximum },
  check: (value, path, fail) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < minimum || value > maximum)
      fail(path, `must be a whole number from ${minimum} to ${maximum}`);
  },
});

export const oneOf = (...values: readonly string[]): Shape => ({
  schema: { enum: values },
  check: (value, path, fail) => {
    if (typeof value !== "string" || !values.includes(value)) fail(path, `must be one of ${values.join(", ")}`);
  },
});

export const list = (item: Shape, min: number, max: number): Shape => ({
  schema: { type: "array", items: item.schema, minItems: min, maxItems: max },
  check: (value, path, fail) => {
    if (!Array.isArray(value) || value.length < min || value.length > max)
      return fail(path, `must be a list of ${min} to ${max}`);
    value.forEach((one, index) => item.check(one, [...path, String(index)], fail));
  },
});

/** Texts under names of the writer's own. */
export const record = (name: RegExp, what: string, value: Shape, max: number): Shape => ({
  schema: {
    type: "object",
    minProperties: 1,
    maxProperties: max,
    propertyNames: { pattern: name.source },
    additionalProperties: value.schema,
  },
  check: (given, path, fail) => {
    const entries = isObject(given) ? Object.entries(given) : [];
    if (entries.length === 0 || entries.length > max) return fail(path, `must be an object of 1 to ${max} ${what}`);
    for (const [key, one] of entries) {
      if (!name.test(key)) fail([...path, key], `must be named by ${what}`);
      else value.check(one, [...path, key], fail);
    }
  },
});

export const optional = (shape: Shape): Shape => ({ ...shape, optional: true });

export type Fields = Readonly<Record<string, Shape>>;
/** `tag`: a field whose value was looked at already. */
export const object = (fields: Fields, tag?: readonly [name: string, value: string]): Shape => ({
  schema: {
    type: "object",
    properties: {
      ...(tag && { [tag[0]]: { const: tag[1] } }),
      ...Object.fromEntries(Object.entries(fields).map(([name, shape]) => [name, shape.schema])),
    },
    required: [
      ...(tag ? [tag[0]] : []),
      ...Object.entries(fields).flatMap(([name, shape]) => (shape.optional ? [] : [name])),
    ],
    additionalProperties: false,
  },
  check: (value, path, fail) => {
    if (!isObject(value)) return fail(path, "must be an object");
    for (const name of Object.keys(value))
      if (!Object.hasOwn(fields, name) && name !== tag?.[0]) fail([...path, name], "is not known here");
    for (const [name, shape] of Object.entries(fields)) {
      const given = value[name];
      if (given !== undefined) shape.check(given, [...path, name], fail);
      else if (!shape.optional) fail([...path, name], "is needed");
    }
  },
});

/** One of several objects, told apart by one field. */
export const variant = (name: string, common: Fields, kinds: Readonly<Record<string, Fields>>): Shape => {
  const shapes = new Map(
    Object.entries(kinds).map(([kind, fields]) => [kind, object({ ...common, ...fields }, [name, kind])]),
  );
  return {
    schema: { oneOf: Array.from(shapes.values(), ({ schema }) => schema) },
    check: (value, path, fail) => {
      if (!isObject(value)) return fail(path, "must be an object");
      const kind = value[name];
      const shape = typeof kind === "string" ? shapes.get(kind) : undefined;
      if (!shape) return fail([...path, name], `must be one of ${Object.keys(kinds).join(", ")}`);
      shape.check(value, path, fail);
    },
  };
};

/** A shape that holds itself. `reference` names it in the published schema; deeper than `depthMax` nobody looks. */
export function recursive(reference: string, depthMax: number, build: (self: Shape) => Shape): Shape {
  const schema = { $ref: reference };
  const at = (depth: number): Shape => {
    let built: Shape | undefined;
    return {
      schema,
      check: (value, path, fail) => {
        if (depth > depthMax) return fail(path, `must not be nested deeper than ${depthMax}`);
        built ??= build(at(depth + 1));
        built.check(value, path, fail);
      },
    };
  };
  return at(1);
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
