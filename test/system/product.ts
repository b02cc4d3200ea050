/** The product as its operators run it: its own process, its data on disk, killed without a warning. Only its public doors are used. */
import { createHmac, randomUUID } from "node:crypto";
import { globSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openProduct as openProcess } from "../../storm/product.mjs";

export type Merchant = { apiKey: string; sandboxSecret: string; sandboxAccount: { notificationUrl: string } };
export type Placed = { id: string; slug: string; url: string };

type ProductProcess = Awaited<ReturnType<typeof openProcess>>;
export type Product = ProductProcess & { readonly state: string; readonly close: () => Promise<void> };

export async function openProduct(): Promise<Product> {
  const state = await mkdtemp(join(tmpdir(), "huoma-"));
  const product = await openProcess(state);
  const close = async () => {
    await product.kill();
    await rm(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  await product.start();
  return { ...product, state, close };
}

export async function graph<T>(
  { url }: Product,
  bearer: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json<{ data?: T; errors?: unknown }>();
  if (errors || !data) throw new Error(JSON.stringify(errors));
  return data;
}

export async function register(product: Product): Promise<Merchant> {
  const { merchantRegister } = await graph<{ merchantRegister: Merchant }>(
    product,
    "local-admin-token",
    `mutation ($input: MerchantRegisterInput!) { merchantRegister(input: $input) {
      ... on MerchantRegisterSuccess { apiKey sandboxSecret sandboxAccount { notificationUrl } } ... on UserError { message } } }`,
    { input: { name: "Tea House", slug: `tea-${randomUUID().slice(0, 8)}`, currency: "CNY" } },
  );
  return merchantRegister;
}

export async function place(product: Product, { apiKey }: Merchant): Promise<Placed> {
  const { orderPlace } = await graph<{
    orderPlace: { order: { id: string }; liveCode: { slug: string; url: string } };
  }>(
    product,
    apiKey,
    `mutation { orderPlace(input: { lines: [{ name: "Tea", unitPrice: { amount: "19.90", currency: "CNY" } }] }) {
      ... on OrderPlaceSuccess { order { id } liveCode { slug url } } ... on UserError { message } } }`,
  );
  return { id: orderPlace.order.id, ...orderPlace.liveCode };
}

/** A phone's way from the code to the wallet's button, with the cookie that it keeps. */
export async function payByPhone(
  { url }: Product,
  { slug }: Placed,
  fields: Record<string, string> = {},
): Promise<number[]> {
  const page = await fetch(`${url}/c/${slug}`);
  const cookie = page.headers
    .getSetCookie()
    .map((one) => one.split(";")[0])
    .join("; ");
  const nonce = /name="nonce"[^>]*value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
  const paying = await fetch(`${url}/c/${slug}/pay`, {
    method: "POST",
    headers: { cookie },
    body: new URLSearchParams({ nonce, provider: "SANDBOX" }),
    redirect: "manual",
  });
  const wallet = new URL(paying.headers.get("location") ?? "", url);
  const paid = await fetch(wallet, {
    method: "POST",
    body: new URLSearchParams({ outcome: "pay", payer: "wallet-42", ...fields }),
    redirect: "manual",
  });
  await paid.arrayBuffer();
  return [page.status, paying.status, paid.status];
}

/** What a wallet sends, signed as the wallet signs. */
export function notify(
  { sandboxSecret, sandboxAccount }: Merchant,
  { id }: Placed,
  transaction: string,
  payer = "wallet-42",
): Promise<Response> {
  const body = JSON.stringify({
    id: `evt_${transaction}`,
    type: "payment.succeeded",
    order: id,
    transaction,
    amount: 1990,
    currency: "CNY",
    paidAt: new Date().toISOString(),
    payer: { id: payer },
  });
  const t = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", sandboxSecret).update(`${t}.${body}`).digest("hex");
  return fetch(sandboxAccount.notificationUrl, {
    method: "POST",
    headers: { "sandbox-signature": `t=${t},v1=${signature}` },
    body,
  });
}

export const orderState = async (product: Product, { apiKey }: Merchant, { id }: Placed): Promise<string> =>
  (
    await graph<{ order: { state: string } }>(
      product,
      apiKey,
      `query ($id: ID!) { order(by: { id: $id }) { state } }`,
      { id },
    )
  ).order.state;

type Lists = {
  viewer: {
    merchant: { orders: { nodes: { id: string; state: string }[] }; customers: { nodes: { ordersPaid: number }[] } };
  };
};
export const lists = async (product: Product, { apiKey }: Merchant): Promise<Lists["viewer"]["merchant"]> =>
  (
    await graph<Lists>(
      product,
      apiKey,
      `{ viewer { merchant { orders(first: 100) { nodes { id state } } customers(first: 100) { nodes { ordersPaid } } } } }`,
    )
  ).viewer.merchant;

/** Takes the database away. Answers how to give it back. */
export function lockDatabase({ takeDatabase, giveDatabase }: Product): () => void {
  takeDatabase();
  return giveDatabase;
}

/** The objects that exist, as files. */
export const objectFiles = ({ state }: Product): readonly string[] => globSync(join(state, "v3/do/**/*.sqlite"));
