/** Documents by their ids, and keys that may send no others. */
import { exports } from "cloudflare:workers";
import { expect, it } from "vitest";
import { documentIdOf } from "../../src/resolvers/trust-documents.ts";
import { ask, at, openShop, origin, post, tell, textAt, type Json } from "./graph-shop.ts";

const name = `query Name { viewer { merchant { name } } }`;
const orders = `query Orders($first: Int) { viewer { merchant { orders(first: $first) { totalCount } } } }`;
const making = `mutation Make($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { __typename ... on ApiKeyCreateSuccess { secret apiKey { scopes documentIds } } ... on ValidationError { issues { path message } } } }`;

const sent = async (key: string, body: Record<string, unknown>) => {
  const response = await post(JSON.stringify(body), { authorization: `Bearer ${key}` });
  const { data, errors } = await response.json<{ data?: Json; errors?: { extensions: { code: string } }[] }>();
  return { status: response.status, data, code: errors?.[0]?.extensions.code };
};
const made = async (key: string, documents: string[] | null, scopes = ["ORDERS_READ"]) =>
  at(await ask(key, making, { input: { name: "page", scopes, documents } }), "apiKeyCreate") as Json;

it("confines a key to the documents it was made with, whichever way they are sent", async () => {
  const { key } = await openShop();
  const confined = await made(key, [name, orders]);
  expect(confined["apiKey"]).toEqual({
    scopes: ["ORDERS_READ"],
    documentIds: [documentIdOf(name), documentIdOf(orders)],
  });
  const page = textAt(confined, "secret");

  expect((await sent(page, { query: name })).data).toEqual({ viewer: { merchant: { name: "Tea House" } } });
  expect((await sent(page, { documentId: documentIdOf(name) })).data).toEqual({
    viewer: { merchant: { name: "Tea House" } },
  });
  expect(
    at(
      (await sent(page, { documentId: documentIdOf(orders), variables: { first: 1 } })).data,
      "viewer.merchant.orders.totalCount",
    ),
  ).toBe(0);
  for (const body of [
    { query: `${name} ` },
    { query: `{ viewer { scopes } }` },
    { query: `query Name { __schema { queryType { name } } }` },
    { documentId: documentIdOf("{ viewer { scopes } }") },
    { documentId: "nonsense" },
  ])
    expect([body, await sent(page, body)]).toMatchObject([body, { status: 403, code: "DOCUMENT_NOT_ALLOWED" }]);
  const get = await exports.default.fetch(
    new Request(`${origin}/graphql?documentId=${encodeURIComponent(documentIdOf(name))}`, {
      headers: { authorization: `Bearer ${page}`, "x-csrf": "1" },
    }),
  );
  expect(await get.json()).toMatchObject({ data: { viewer: { merchant: { name: "Tea House" } } } });
  const subscribed = await post(JSON.stringify({ query: `subscription { events { id } }` }), {
    authorization: `Bearer ${page}`,
    accept: "text/event-stream",
  });
  expect(subscribed.status).toBe(403);
});

it("answers any key of the merchant by id, and nobody else's", async () => {
  const [ours, theirs] = [await openShop(), await openShop()];
  await made(ours.key, [name]);
  const byId = { documentId: documentIdOf(name) };
  expect((await sent(ours.key, byId)).data).toEqual({ viewer: { merchant: { name: "Tea House" } } });
  expect((await sent(ours.key, { ...byId, query: name })).status).toBe(200);
  expect(await sent(ours.key, { ...byId, query: `${name} ` })).toMatchObject({ status: 400, code: "BAD_REQUEST" });
  expect(await sent(theirs.key, byId)).toMatchObject({ status: 404, code: "DOCUMENT_NOT_FOUND" });
  expect(await sent(ours.key, { documentId: 1 })).toMatchObject({ status: 400, code: "BAD_REQUEST" });
  expect((await tell(null, name)).errors[0]?.extensions.code).toBe("UNAUTHENTICATED");
});

it("lets a confined key have sent to a webhook what its documents say, and nothing that a variable says", async () => {
  const { key } = await openShop();
  const shown = (type: string) =>
    `__typename ... on ValidationError { issues { path message } } ... on ${type} { webhookEndpoint { id url selection } }`;
  const success = shown("WebhookEndpointCreateSuccess");
  const create = `mutation Create($input: WebhookEndpointCreateInput!) { result: webhookEndpointCreate(input: $input) { ${success} } }`;
  const field = `mutation Field($selection: String) { result: webhookEndpointCreate(input: { url: "http://127.0.0.1:9/", types: [], selection: $selection }) { ${success} } }`;
  const written = `mutation Written($url: URL!) { result: webhookEndpointCreate(input: { url: $url, types: [], selection: "{ number }" }) { ${success} } }`;
  const update = `mutation Update($input: WebhookEndpointUpdateInput!) { result: webhookEndpointUpdate(input: $input) { ${shown("WebhookEndpointUpdateSuccess")} } }`;
  const documents = [create, field, written, update];
  const confined = textAt(await made(key, documents, ["ORDERS_READ", "WEBHOOKS_WRITE"]), "secret");
  const url = "http://127.0.0.1:9/";
  const selection = "{ customer { identities { value } } }";
  const told = async (bearer: string, query: string, variables: Record<string, unknown>) =>
    at(await ask(bearer, query, variables), "result") as Json;

  const plain = await told(confined, create, { input: { url, types: [] } });
  expect(plain["__typename"]).toBe("WebhookEndpointCreateSuccess");
  const webhookEndpointId = textAt(plain, "webhookEndpoint.id");
  const message: unknown = expect.stringContaining("written in the document");
  for (const [query, variables] of [
    [create, { input: { url, types: [], selection } }],
    [field, { selection }],
    [update, { input: { webhookEndpointId, selection } }],
  ] as const)
    expect([query, await told(confined, query, variables)]).toMatchObject([
      query,
      { issues: [{ path: ["input", "selection"], message }] },
    ]);
  expect(at(await told(confined, written, { url }), "webhookEndpoint.selection")).toBe("{ number }");

  // What another key lets an endpoint be sent stays there.
  const rich = await told(key, create, { input: { url, types: [], selection } });
  const moved = { webhookEndpointId: at(rich, "webhookEndpoint.id"), url: "http://127.0.0.1:10/" };
  expect(await told(confined, update, { input: moved })).toMatchObject({ issues: [{ path: ["input", "selection"] }] });
  expect(at(await told(key, update, { input: moved }), "webhookEndpoint.url")).toBe(moved.url);
  const cleared = { webhookEndpointId: moved.webhookEndpointId, selection: null };
  expect(at(await told(confined, update, { input: cleared }), "webhookEndpoint.selection")).toBeNull();
});

it("gives away no more than the key that makes it may send, and keeps no text that is no document", async () => {
  const { key } = await openShop();
  const maker = textAt(await made(key, [making, name], ["ORDERS_READ", "KEYS_WRITE"]), "secret");
  expect(await made(maker, [name])).toMatchObject({ __typename: "ApiKeyCreateSuccess" });
  for (const documents of [null, [orders], [name, orders]])
    expect(await made(maker, documents)).toMatchObject({ issues: [{ path: ["input", "documents"] }] });
  for (const [documents, path] of [
    [[], ["input", "documents"]],
    [["{"], ["input", "documents", "0"]],
    [
      [name, "{ nothing }"],
      ["input", "documents", "1"],
    ],
    [Array.from({ length: 101 }, (_, index) => `query Q${index} { __typename }`), ["input", "documents"]],
  ] as const)
    expect(await made(key, [...documents])).toMatchObject({ issues: [{ path }] });
});
