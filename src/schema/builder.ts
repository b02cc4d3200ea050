/**
 * The builder that every noun registers with. It defines no types. What a caller may see is said by each type and each door (`authScopes`),
 * and nothing is open that says nothing: a test reads the built schema and refuses fields without a rule.
 */
import SchemaBuilder from "@pothos/core";
import ScopeAuthPlugin from "@pothos/plugin-scope-auth";
import type { Scope } from "../resolvers/caller.ts";
import type { GraphContext } from "./context.ts";
import { forbidden, unauthenticated } from "./refusals.ts";

type Rules = {
  /** Any merchant's key. */
  merchant: boolean;
  /** The deployment's admin token. */
  admin: boolean;
  /** A merchant's key with at least one of these. */
  anyOf: readonly Scope[];
};

type Shapes = {
  Context: GraphContext;
  DefaultFieldNullability: false;
  AuthScopes: Rules;
  Scalars: {
    ID: { Input: string; Output: string };
    /** Milliseconds since 1970 UTC inside, RFC 3339 outside. */
    DateTime: { Input: number; Output: number };
    Decimal: { Input: string; Output: string };
    CurrencyCode: { Input: string; Output: string };
    SafeInt: { Input: number; Output: number };
    URL: { Input: string; Output: string };
    Locale: { Input: string; Output: string };
    JSON: { Input: unknown; Output: unknown };
  };
};
/** The builder's own types, for functions that build types. */
export type GraphTypes = PothosSchemaTypes.ExtendDefaultTypes<Shapes>;

export const builder = new SchemaBuilder<Shapes>({
  plugins: [ScopeAuthPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authScopes: ({ caller }) => ({
      merchant: caller.kind === "merchant",
      admin: caller.kind === "admin",
      anyOf: (wanted) => caller.kind === "merchant" && wanted.some((scope) => caller.scopes.has(scope)),
    }),
    // A type's rule is asked once per object, not once per field.
    runScopesOnType: true,
    unauthorizedError: (_parent, { caller }, _info, { failure }) =>
      caller.kind === "anonymous" ? unauthenticated() : forbidden(scopesIn(failure)),
  },
});

/** The scopes that a failed rule asked for. */
function scopesIn(failure: object): readonly Scope[] {
  if ("failures" in failure) return (failure.failures as object[]).flatMap(scopesIn);
  return "parameter" in failure && Array.isArray(failure.parameter) ? (failure.parameter as Scope[]) : [];
}

/** Marks a type that holds no rule of its own, because it is only ever reached through a field or a type that does. */
export const shape = { extensions: { shape: true } } as const;
