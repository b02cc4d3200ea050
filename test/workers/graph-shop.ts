/** Merchants and their keys, and the graph as a client meets it: over HTTP, through the Worker's own door. */
import { exports } from "cloudflare:workers";
import { expect } from "vitest";

/** Whatever the graph answered: a test says what it expects to be there. */
export type Json = Readonly<Record<string, unknown>>;

/** What stands at a path such as `viewer.merchant.products.nodes.0`. */
export const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce((inside: unknown, name) => (inside as Json)[name], value);
export const textAt = (value: unknown, path: string): string => {
  const found = at(value, path);
  if (typeof found !== "string") throw new Error(`no text at ${path}`);
  return found;
};
/** The field `name` of every thing in the list at a path. */
export const eachAt = (value: unknown, path: string, name: string): unknown[] =>
  (at(value, path) as Json[]).map((one) => one[name]);
/** Which fields of the input a ValidationError names, in its own order. */
export const fieldsIn = (error: unknown): string[] =>
  (eachAt(error, "issues", "path") as string[][]).map(([, ...path]) => path.join("."));

export type Told = {
  readonly status: number;
  readonly data: Json | null;
  readonly errors: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
};

export const origin = "https://pay.example";
export const adminToken = "local-admin-token";

export const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  exports.default.fetch(
    new Request(`${origin}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    }),
  );

/** `bearer` null: nobody in particular. */
export async function tell(
  bearer: string | null,
  query: string,
  variables: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Told> {
  const authorization = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  const response = await post(JSON.stringify({ query, variables }), { ...authorization, ...headers });
  const { data, errors } = await response.json<Partial<Told>>();
  return { status: response.status, data: data ?? null, errors: errors ?? [] };
}

/** For what is expected to be answered: any error fails the test. */
export async function ask(
  bearer: string | null,
  query: string,
  variables: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Json> {
  const { data, errors } = await tell(bearer, query, variables, headers);
  expect(errors).toEqual([]);
  return data ?? {};
}

let merchants = 0;

export type Shop = {
  readonly key: string;
  readonly merchantId: string;
  readonly accountId: string;
  /** The pretend wallet's account, as `payment-scene.ts` speaks for it. */
  readonly account: { readonly id: string; readonly merchantId: string; readonly secret: string };
};
export async function openShop(input: Record<string, unknown> = {}): Promise<Shop> {
  merchants += 1;
  const { merchantRegister } = await ask(
    adminToken,
    `mutation ($input: MerchantRegisterInput!) {
      merchantRegister(input: $input) { ... on MerchantRegisterSuccess { apiKey merchant { id } sandboxAccount { id } sandboxSecret } ... on UserError { message } }
    }`,
    { input: { name: "Tea House", slug: `tea-${merchants}`, currency: "CNY", ...input } },
  );
  const merchantId = textAt(merchantRegister, "merchant.id");
  const accountId = textAt(merchantRegister, "sandboxAccount.id");
  const account = { id: accountId, merchantId, secret: textAt(merchantRegister, "sandboxSecret") };
  return { key: textAt(merchantRegister, "apiKey"), merchantId, accountId, account };
}

export const cny = (amount: string) => ({ amount, currency: "CNY" });

export async function sell(key: string, input: Record<string, unknown>): Promise<string> {
  const { productCreate } = await ask(
    key,
    `mutation ($input: ProductCreateInput!) { productCreate(input: $input) { ... on ProductCreateSuccess { product { id } } ... on UserError { message } } }`,
    { input: { name: "Longjing", price: cny("19.90"), ...input } },
  );
  return textAt(productCreate, "product.id");
}

/** A key of the same merchant that may do only this. */
export async function keyWith(
  key: string,
  ...scopes: string[]
): Promise<{ readonly id: string; readonly text: string }> {
  const { apiKeyCreate } = await ask(
    key,
    `mutation ($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { ... on ApiKeyCreateSuccess { apiKey { id } secret } ... on UserError { message } } }`,
    { input: { name: scopes.join(" "), scopes } },
  );
  return { id: textAt(apiKeyCreate, "apiKey.id"), text: textAt(apiKeyCreate, "secret") };
}

export const placing = `mutation ($input: OrderPlaceInput!) {
  orderPlace(input: $input) {
    __typename
    ... on OrderPlaceSuccess { replayed order { id number state total { amount } } liveCode { slug } }
    ... on UserError { code message retryable }
    ... on ValidationError { issues { path message } }
    ... on NotFoundError { id }
    ... on OutOfStockError { available product { id } }
    ... on IdempotencyError { key }
  }
}`;
export const placed = async (
  key: string,
  input: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Json & { readonly order: Json; readonly liveCode: Json }> =>
  at(
    await ask(key, placing, { input: { lines: [{ name: "Tea", unitPrice: cny("19.90") }], ...input } }, headers),
    "orderPlace",
  ) as never;

export const recording = `mutation ($input: PaymentRecordInput!) {
  paymentRecord(input: $input) {
    __typename
    ... on PaymentRecordSuccess { replayed order { state } conversion { customer { id identities { kind value verified } } } }
    ... on UserError { code message }
    ... on ValidationError { issues { path } }
    ... on AmountMismatchError { expected { amount } received { amount } }
    ... on OrderStateError { order { state allowedActions } }
  }
}`;
export const recorded = async (
  key: string,
  input: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<unknown> =>
  at(
    await ask(key, recording, { input: { amount: cny("19.90"), reference: "till 1", ...input } }, headers),
    "paymentRecord",
  );
