/** The graph's types, from the schema as `npm run schema` prints it: every document below is checked against them, and its results are typed. */
import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./graphql-env.d.ts";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    DateTime: string;
    Decimal: string;
    CurrencyCode: string;
    SafeInt: number;
    URL: string;
    Locale: string;
    JSON: unknown;
  };
}>();
