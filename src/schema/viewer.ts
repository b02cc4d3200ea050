import type { Caller } from "../resolvers/caller.ts";
import { Scope } from "./api-key.ts";
import { builder } from "./builder.ts";
import { Merchant } from "./nouns.ts";

const Viewer = builder.objectRef<Caller>("Viewer").implement({
  description: "Whoever a credential stands for.",
  authScopes: { merchant: true, admin: true },
  fields: (t) => ({
    merchant: t.field({
      type: Merchant,
      nullable: true,
      description: "The merchant whose key it is; null for the deployment's admin token.",
      resolve: (caller) => (caller.kind === "merchant" ? caller.merchant : null),
    }),
    scopes: t.field({
      type: [Scope],
      description: "What it may do.",
      resolve: (caller) => (caller.kind === "merchant" ? [...caller.scopes] : []),
    }),
  }),
});

builder.queryField("viewer", (t) =>
  t.field({
    type: Viewer,
    authScopes: { merchant: true, admin: true },
    description: "Who this key is.",
    resolve: (_root, _args, { caller }) => caller,
  }),
);
