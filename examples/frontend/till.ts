/**
 * A till in a hundred lines: sells a cup of tea, shows its live code, waits until somebody has paid it, and shows who became a customer.
 *
 *     HUOMA_URL=http://127.0.0.1:8787/graphql HUOMA_KEY=hk_… node examples/frontend/till.ts
 */
import { randomUUID } from "node:crypto";
import { connect } from "./client.ts";
import { graphql } from "./graph.ts";

const Place = graphql(`
  mutation Place($lines: [OrderLineInput!]!, $receipt: String!) {
    orderPlace(input: { lines: $lines }) @idempotent(key: $receipt) {
      __typename
      ... on OrderPlaceSuccess {
        order {
          id
          number
          total {
            formatted
          }
        }
        liveCode {
          url
        }
      }
      ... on ValidationError {
        issues {
          path
          message
        }
      }
      ... on UserError {
        code
        message
      }
    }
  }
`);

const Watch = graphql(`
  subscription Watch($id: ID!) {
    order(id: $id) {
      state
      version
      liveCode {
        scans
      }
      conversion {
        customer {
          id
          tags
        }
        firstTime
      }
    }
  }
`);

const Today = graphql(`
  query Today {
    viewer {
      merchant {
        name
        orders(first: 5, filter: { state: [PAID] }) {
          nodes {
            number
            total {
              formatted
            }
          }
        }
      }
    }
  }
`);

const { HUOMA_URL: url = "http://127.0.0.1:8787/graphql", HUOMA_KEY: key } = process.env;
if (!key) throw new Error("HUOMA_KEY is the API key that `npm start` shows.");
const { client, close } = connect(url, key);

const lines = [{ name: "Longjing", quantity: 1, unitPrice: { amount: "19.90", currency: "CNY" } }];
const { data, error } = await client.mutation(Place, { lines, receipt: randomUUID() }).toPromise();
if (error) throw error;
const placed = data?.orderPlace;
if (placed?.__typename !== "OrderPlaceSuccess") throw new Error(JSON.stringify(placed));
console.log(`Order ${placed.order.number}, ${placed.order.total.formatted}: ${placed.order.id}`);
console.log(`Scan ${placed.liveCode.url}`);

await new Promise<void>((resolve, reject) => {
  const watching = client.subscription(Watch, { id: placed.order.id }).subscribe((result) => {
    if (result.error) return reject(result.error);
    const order = result.data?.order;
    if (!order) return;
    console.log(`${order.state} (version ${order.version}, ${order.liveCode.scans} scans)`);
    if (order.state !== "PAID" || !order.conversion) return;
    const { customer, firstTime } = order.conversion;
    console.log(
      `${firstTime ? "A new" : "A returning"} customer: ${customer.id}, tagged ${customer.tags.join(", ") || "nothing"}`,
    );
    watching.unsubscribe();
    resolve();
  });
});

const today = await client.query(Today, {}).toPromise();
for (const { number, total } of today.data?.viewer.merchant?.orders.nodes ?? [])
  console.log(`Paid: ${number}, ${total.formatted}`);
close();
