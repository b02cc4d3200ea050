import { GraphQLError, valueFromASTUntyped } from "graphql";
import { parseInstant } from "../core/instant.ts";
import { builder } from "./builder.ts";

/**
 * Scalars only refuse what is of another kind altogether. Whether a text is a currency, an amount or a URL that may be used here is for the verbs to say,
 * because they can name the field in a ValidationError.
 */
const text = (name: string) => ({
  serialize: (value: string) => value,
  parseValue: (value: unknown): string => {
    if (typeof value === "string") return value;
    throw new GraphQLError(`${name} must be given as a string.`);
  },
});

builder.scalarType("DateTime", {
  description:
    "RFC 3339 instant in UTC with milliseconds, such as `2026-11-23T08:30:00.000Z`. Any offset is understood in input.",
  serialize: (value) => new Date(value).toISOString(),
  parseValue: (value) => {
    const at = parseInstant(value);
    if (at === null) throw new GraphQLError("DateTime must be an RFC 3339 instant, such as 2026-11-23T08:30:00Z.");
    return at;
  },
});
builder.scalarType("Decimal", {
  description: 'Decimal string in major units, e.g. "19.90". Never a float.',
  ...text("Decimal"),
});
builder.scalarType("CurrencyCode", {
  description: "ISO 4217 alphabetic code: CNY, JPY, KWD.",
  ...text("CurrencyCode"),
});
builder.scalarType("SafeInt", {
  description: "53-bit safe integer (Int is 32-bit: 2^31 VND is only about 85,000 USD).",
  serialize: (value) => value,
  parseValue: (value) => {
    if (Number.isSafeInteger(value)) return value as number;
    throw new GraphQLError("SafeInt must be an integer within ±(2^53 − 1).");
  },
});
builder.scalarType("URL", { description: "Absolute URL, as the WHATWG URL standard writes it.", ...text("URL") });
builder.scalarType("Locale", { description: "BCP 47 language tag.", ...text("Locale") });
builder.scalarType("JSON", {
  description: "Any JSON value.",
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (ast, variables) => valueFromASTUntyped(ast, variables),
});
