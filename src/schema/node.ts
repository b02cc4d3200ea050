/**
 * Things with an id of their own. Ids are TypeIDs, the same everywhere; the prefix says the type, so nothing is encoded and nothing decoded.
 * An id that names nothing, another merchant's thing, or no kind of thing we know gets one and the same answer: null.
 */
import { prefixOf, type IdPrefix } from "../core/ids.ts";
import type { MerchantCaller, Scope } from "../resolvers/caller.ts";
import { builder } from "./builder.ts";
import type { GraphContext } from "./context.ts";
import { priced } from "./price.ts";
import { badRequest, forbidden } from "./refusals.ts";
import { limits } from "../core/limits.ts";

export const Node = builder.interfaceRef<object>("Node").implement({
  description:
    "Ids are TypeIDs (`order_01H455VB4PEX5VSK`): prefixed, the same in the graph, URLs, webhooks, SQL and logs.",
  extensions: { shape: true },
  resolveType: (value) => typeNames.get(value),
  fields: (t) => ({
    id: t.id({ description: "Names this thing, everywhere and for good.", resolve: () => "" }),
  }),
});

type Loader = {
  readonly typeName: string;
  /** The scopes of which one is needed to look such a thing up; empty when any key may. */
  readonly anyOf: readonly Scope[];
  readonly load: (context: GraphContext, caller: MerchantCaller, id: string) => Promise<object | null> | object | null;
};
const loaders = new Map<string, Loader>();
/** Which type an object was loaded as. */
const typeNames = new WeakMap<object, string>();

/** Lets `node` and `nodes` find things of a kind. Said by the file of the noun. */
export const findable = (prefix: IdPrefix, loader: Loader): void => void loaders.set(prefix, loader);

async function find(id: string, context: GraphContext): Promise<object | null> {
  const { caller } = context;
  const loader = loaders.get(prefixOf(id));
  if (!loader || caller.kind !== "merchant") return null;
  if (loader.anyOf.length > 0 && !loader.anyOf.some((scope) => caller.scopes.has(scope))) throw forbidden(loader.anyOf);
  const found = await loader.load(context, caller, id);
  if (found) typeNames.set(found, loader.typeName);
  return found;
}

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    authScopes: { merchant: true },
    description: "Anything by its id; null when there is none, or none of yours.",
    ...priced({ points: 2 }),
    args: { id: t.arg.id({ required: true, description: "The id of anything that implements Node." }) },
    resolve: (_root, { id }, context) => find(id, context),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    authScopes: { merchant: true },
    description: "Many things by their ids, in that order; null in place of each that is not found.",
    ...priced({ times: ({ ids }) => (Array.isArray(ids) ? ids.length : 1) }),
    args: { ids: t.arg.idList({ required: true, description: "At most 100 ids." }) },
    resolve: (_root, { ids }, context) => {
      if (ids.length > limits.pageSizeMax) throw badRequest(`At most ${limits.pageSizeMax} ids at a time.`);
      return ids.map((id) => find(id, context));
    },
  }),
}));
