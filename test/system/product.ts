/** The product as its operators run it: its own process, its data on disk, killed without a warning. Only its public doors are used. */
import { spawn, type ChildProcess } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { globSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";

export type Merchant = { apiKey: string; sandboxSecret: string; sandboxAccount: { notificationUrl: string } };
export type Placed = { id: string; slug: string; url: string };

export type Product = {
  readonly url: string;
  readonly state: string;
  /** Ends the process as a power cut would. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export async function openProduct(): Promise<Product> {
  const state = await mkdtemp(join(tmpdir(), "huoma-"));
  const port = await freePort();
  let running: ChildProcess | undefined;
  const start = async () => {
    running = spawn(process.execPath, ["scripts/demo.mjs", "--bare"], {
      env: { ...process.env, PORT: String(port), STATE: state },
      stdio: ["ignore", "pipe", "pipe"],
    });
    await ready(running);
  };
  const kill = async () => {
    const ended = running && running.exitCode === null && running.signalCode === null ? once(running, "exit") : null;
    running?.kill("SIGKILL");
    await ended;
  };
  await start();
  const close = async () => {
    await kill();
    await rm(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  return { url: `http://127.0.0.1:${port}`, state, kill, start, close };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function ready(server: ChildProcess): Promise<void> {
  let output = "";
  const said = new Promise<void>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes("Huoma is ready on")) resolve();
      });
    }
    server.once("exit", () => reject(new Error(`The product ended while starting:\n${output}`)));
  });
  await said;
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
): Promise<Response> {
  const body = JSON.stringify({
    id: `evt_${transaction}`,
    type: "payment.succeeded",
    order: id,
    transaction,
    amount: 1990,
    currency: "CNY",
    paidAt: new Date().toISOString(),
    payer: { id: "wallet-42" },
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

/** Takes the database away, as another process that holds its file would. Answers how to give it back. */
export function lockDatabase({ state }: Product): () => void {
  const locked = globSync(join(state, "v3/d1/**/*.sqlite")).map((file) => {
    const database = new DatabaseSync(file);
    database.exec("BEGIN EXCLUSIVE");
    return database;
  });
  if (locked.length === 0) throw new Error("no database file to lock");
  return () => {
    for (const database of locked) {
      database.exec("ROLLBACK");
      database.close();
    }
  };
}

/** The objects that exist, as files. */
export const objectFiles = ({ state }: Product): readonly string[] => globSync(join(state, "v3/do/**/*.sqlite"));
