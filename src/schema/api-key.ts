import { isScope, type Scope as ScopeName } from "../resolvers/caller.ts";
import { createApiKey } from "../resolvers/create-api-key.ts";
import { revokeApiKey } from "../resolvers/revoke-api-key.ts";
import { limits } from "../core/limits.ts";
import { invalid } from "../resolvers/failures.ts";
import { documentsIn } from "../resolvers/trust-documents.ts";
import { builder, shape } from "./builder.ts";
import { callerOf, merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { mutation } from "./mutation.ts";
import { ApiKey } from "./nouns.ts";
import { isValidDocument } from "./valid-document.ts";

export const Scope = describedEnum<ScopeName>("Scope", "What a key may do.", {
  CATALOG_WRITE: "Put products on sale and change them.",
  ORDERS_READ: "See orders, their money, their conversions and the event log.",
  ORDERS_WRITE: "Place, extend and cancel orders.",
  PAYMENTS_WRITE: "Record payments, give money back, decide about money in review.",
  CUSTOMERS_READ: "List and search customers, and see what they are known by.",
  CUSTOMERS_WRITE: "Change customers.",
  CONVERSIONS_WRITE: "Say what happens at the moment of conversion.",
  WEBHOOKS_WRITE: "See and change the partners' endpoints.",
  ANALYTICS_READ: "See reports.",
  SETTINGS_WRITE: "Change the merchant and its payment accounts.",
  KEYS_WRITE: "Make and revoke keys.",
});

ApiKey.implement({
  description: "A key, without its secret.",
  authScopes: { anyOf: ["KEYS_WRITE"] },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`apikey_…`; what follows the prefix is the middle of `hk_…_…`." }),
    name: t.exposeString("name", { description: "What it is for." }),
    scopes: t.field({ type: [Scope], description: "What it may do.", resolve: ({ scopes }) => scopes.filter(isScope) }),
    documentIds: t.stringList({
      nullable: true,
      description: "The only documents that it may send, by their ids: `sha256:` and the hash of the text. Null: any.",
      resolve: ({ scopes }) => {
        const documents = documentsIn(scopes);
        return documents && [...documents];
      },
    }),
    createdAt: t.field({ type: "DateTime", description: "When it was made.", resolve: ({ createdAt }) => createdAt }),
    expiresAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it ends by itself.",
      resolve: ({ expiresAt }) => expiresAt,
    }),
    revokedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it was ended.",
      resolve: ({ revokedAt }) => revokedAt,
    }),
  }),
});

mutation("apiKeyCreate", {
  description: "Makes another key. It may do what the key that makes it may do, and no more.",
  needs: "KEYS_WRITE",
  input: builder.inputType("ApiKeyCreateInput", {
    description: "A key to make.",
    fields: (t) => ({
      name: t.string({ required: true, description: "What it is for." }),
      scopes: t.field({
        type: [Scope],
        required: true,
        description: "What it may do; at least one, and among those of the key that asks.",
      }),
      expiresAt: t.field({ type: "DateTime", description: "When it ends by itself; never, unless said." }),
      documents: t.stringList({
        description: `The only documents that it may send, as their texts; any, unless said. At most ${limits.graphql.documentsPerKeyMax}. All your keys may send them as \`documentId\`.`,
      }),
    }),
  }),
  success: builder.objectRef<{ apiKey: typeof ApiKey.$inferType; secret: string }>("ApiKeyCreateSuccess").implement({
    description: "The key is good at once.",
    ...shape,
    fields: (t) => ({
      apiKey: t.field({ type: ApiKey, description: "The key, without its secret.", resolve: ({ apiKey }) => apiKey }),
      secret: t.exposeString("secret", { description: "The whole key, `hk_…`. Shown once." }),
    }),
  }),
  failures: ["VALIDATION"],
  resolve: async (input, context, { schema }) => {
    const wrong = (input.documents ?? []).flatMap((text, index) =>
      isValidDocument(schema, text)
        ? []
        : [{ path: ["input", "documents", String(index)], message: "is no valid document" }],
    );
    return wrong.length > 0 ? invalid(wrong) : createApiKey(context.deps, callerOf(context), input);
  },
});

mutation("apiKeyRevoke", {
  description: "Ends a key for good, everywhere within a minute.",
  needs: "KEYS_WRITE",
  input: builder.inputType("ApiKeyRevokeInput", {
    description: "The key to end.",
    fields: (t) => ({ apiKeyId: t.id({ required: true, description: "`apikey_…`" }) }),
  }),
  success: builder.objectRef<{ apiKey: typeof ApiKey.$inferType }>("ApiKeyRevokeSuccess").implement({
    description: "The key opens nothing any more.",
    ...shape,
    fields: (t) => ({ apiKey: t.field({ type: ApiKey, description: "The key.", resolve: ({ apiKey }) => apiKey }) }),
  }),
  failures: ["NOT_FOUND"],
  resolve: (input, context) => revokeApiKey(context.deps, merchantOf(context).id, input),
});
