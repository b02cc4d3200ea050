/** Pages of a list: Relay's connections (https://relay.dev/graphql/connections.htm), with `nodes` for those who need no cursor. */
import type { ArgBuilder, ObjectRef } from "@pothos/core";
import { limits } from "../core/limits.ts";
import type { Page, PageInfo as CorePageInfo, PageResult } from "../db/page.ts";
import { builder, shape, type GraphTypes } from "./builder.ts";
import { priced } from "./price.ts";
import { badRequest } from "./refusals.ts";

/** A page of a list, and how long the list is: asked for only when it is selected. */
export type Connection<Node> = Page<Node> & { readonly totalCount: () => Promise<number> };

const PageInfo = builder.objectRef<CorePageInfo>("PageInfo").implement({
  description: "Whether there is more, and from where to ask on.",
  ...shape,
  fields: (t) => ({
    hasNextPage: t.exposeBoolean("hasNextPage", { description: "Whether more follow this page." }),
    hasPreviousPage: t.exposeBoolean("hasPreviousPage", { description: "Whether some come before this page." }),
    startCursor: t.exposeString("startCursor", {
      nullable: true,
      description: "The cursor of the first on this page.",
    }),
    endCursor: t.exposeString("endCursor", { nullable: true, description: "The cursor of the last on this page." }),
  }),
});

/** `OrderConnection` and `OrderEdge` for `Order`. `of` reads on in "A page of …". */
export function connection<Node extends object>(node: ObjectRef<GraphTypes, Node>, of: string) {
  const page = pageType<Node, Connection<Node>>(node, of);
  builder.objectField(page, "totalCount", (t) =>
    t.int({ description: "How many there are on all pages.", resolve: ({ totalCount }) => totalCount() }),
  );
  return page;
}

/** A connection without a count: the list has no end worth counting. */
export const endlessConnection = <Node extends object>(node: ObjectRef<GraphTypes, Node>, of: string) =>
  pageType<Node, Page<Node>>(node, of);

function pageType<Node extends object, Shape extends Page<Node>>(node: ObjectRef<GraphTypes, Node>, of: string) {
  const edge = builder.objectRef<{ readonly cursor: string; readonly node: Node }>(`${node.name}Edge`).implement({
    description: `One of ${of}, with its place in the list.`,
    ...shape,
    fields: (t) => ({
      cursor: t.exposeString("cursor", { description: "Its place: pass it as `after` or `before`." }),
      node: t.field({ type: node, description: "The thing itself.", resolve: (parent) => parent.node as never }),
    }),
  });
  return builder.objectRef<Shape>(`${node.name}Connection`).implement({
    description: `A page of ${of}.`,
    ...shape,
    fields: (t) => ({
      edges: t.field({
        type: [edge],
        ...priced({ times: 1 }),
        description: "What is on this page, with cursors.",
        resolve: ({ edges }) => edges as never,
      }),
      nodes: t.field({
        type: [node],
        ...priced({ times: 1 }),
        description: "What is on this page, without cursors.",
        resolve: ({ edges }) => edges.map((one) => one.node) as never,
      }),
      pageInfo: t.field({ type: PageInfo, description: "Whether there is more.", resolve: ({ pageInfo }) => pageInfo }),
    }),
  });
}

export const forwardArgs = (arg: ArgBuilder<GraphTypes>) => ({
  first: arg.int({
    description: `How many from the start, at most ${limits.pageSizeMax}; ${limits.pageSizeDefault} unless said otherwise.`,
  }),
  after: arg.string({ description: "Only what comes after this cursor." }),
});
export const pageArgs = (arg: ArgBuilder<GraphTypes>) => ({
  ...forwardArgs(arg),
  last: arg.int({ description: `How many from the end, at most ${limits.pageSizeMax}.` }),
  before: arg.string({ description: "Only what comes before this cursor." }),
});

/** The page, or a refusal of the argument that makes no sense. */
export function pageIn<Node>(result: PageResult<Node>): Page<Node> {
  if (!result.ok) throw badRequest(`${result.error.argument} ${result.error.message}.`);
  return result.value;
}

/** A page costs what it may hold. */
export const pricedByPage = priced({
  times: ({ first, last }) =>
    Math.max(1, Math.min(Number(first ?? last ?? limits.pageSizeDefault), limits.pageSizeMax)),
});
