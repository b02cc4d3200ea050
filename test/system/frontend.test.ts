/** What frontend teams bring along, against the product as its operators run it: the example's till with urql and graphql-ws, graphql-sse, and plain fetch. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createClient } from "graphql-sse";
import { afterAll, beforeAll, expect, it } from "vitest";
import { graph, openProduct, register, type Merchant, type Product } from "./product.ts";

let product: Product;
let merchant: Merchant;
beforeAll(async () => {
  product = await openProduct();
  merchant = await register(product);
});
afterAll(() => product.close());

const record = `mutation ($id: ID!) { paymentRecord(input: { orderId: $id, reference: "cash", amount: { amount: "19.90", currency: "CNY" }, payer: { phone: "+8613812345678" } }) { __typename } }`;

it("sells at the example's till, which watches an order being paid, while others watch the log", async () => {
  const events: string[] = [];
  const client = createClient({
    url: `${product.url}/graphql`,
    headers: { authorization: `Bearer ${merchant.apiKey}` },
  });
  const paid = Promise.withResolvers<void>();
  const end = client.subscribe<{ events: { type: string } }>(
    { query: `subscription { events(types: [ORDER_PLACED, ORDER_PAID]) { type } }` },
    {
      next: ({ data }) => {
        events.push(data?.events.type ?? "nothing");
        if (events.includes("ORDER_PAID")) paid.resolve();
      },
      error: paid.reject,
      complete: () => paid.reject(new Error("the stream has ended")),
    },
  );
  const till = spawn(process.execPath, ["examples/frontend/till.ts"], {
    env: { ...process.env, HUOMA_URL: `${product.url}/graphql`, HUOMA_KEY: merchant.apiKey },
  });
  let said = "";
  const watching = Promise.withResolvers<string>();
  till.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    const [, id] = /: (order_\w+)/.exec(said) ?? [];
    if (id && said.includes("OPEN (version")) watching.resolve(id);
  });
  till.stderr.on("data", (chunk: Buffer) => void (said += chunk.toString()));
  const ended = once(till, "exit").then(([code]) => code as number | null);
  const id = await Promise.race([watching.promise, ended.then(() => Promise.reject(new Error(said)))]);
  await graph(product, merchant.apiKey, record, { id });
  expect([await ended, said]).toEqual([0, expect.stringMatching(/PAID \(version/)]);
  expect(said).toMatch(/A (?:new|returning) customer: customer_\w+/);
  await paid.promise;
  expect(events.at(-1)).toBe("ORDER_PAID");
  end();
  client.dispose();
});
