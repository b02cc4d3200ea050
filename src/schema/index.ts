/** The graph: every noun registers with the builder when its file is read, and the schema is built here from all of them. */
import { specifiedDirectives, type GraphQLSchema } from "graphql";
import { builder } from "./builder.ts";
import { idempotent } from "./idempotency.ts";
import "./scalars.ts";
import "./api-key.ts";
import "./conversion-block.ts";
import "./conversion.ts";
import "./customer-mutations.ts";
import "./customer.ts";
import "./event.ts";
import "./live-code.ts";
import "./merchant.ts";
import "./order-mutations.ts";
import "./order.ts";
import "./payment-account-mutations.ts";
import "./payment-account.ts";
import "./product.ts";
import "./staff-pool.ts";
import "./subscription.ts";
import "./unmatched-payment.ts";
import "./viewer.ts";
import "./webhook-endpoint.ts";
import "./webhook-mutations.ts";

builder.queryType({ description: "What can be asked. Nothing here changes anything." });
builder.subscriptionType({
  description: "What can be watched, over `graphql-transport-ws` or as server-sent events.",
});
builder.mutationType({ description: "What can be done. Each answers with a union: what went well, or why not." });

let built: GraphQLSchema | undefined;

/** Built by the first question of an isolate: a phone that wakes the Worker with a scan does not wait for it. */
export const schema = (): GraphQLSchema =>
  (built ??= builder.toSchema({ directives: [...specifiedDirectives, idempotent], sortSchema: false }));
