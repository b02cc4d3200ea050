/** urql, with questions by fetch and subscriptions over a WebSocket. */
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSocket } from "graphql-ws";

export function connect(url: string, key: string): { readonly client: Client; readonly close: () => void } {
  const authorization = `Bearer ${key}`;
  const socket = createSocket({ url: url.replace(/^http/, "ws"), connectionParams: { authorization } });
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables: variables ?? {} }, sink as never),
          }),
        }),
      }),
    ],
  });
  return { client, close: () => void socket.dispose() };
}
