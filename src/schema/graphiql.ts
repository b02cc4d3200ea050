/** GraphiQL for the developer who opens `/graphql` in a browser. Local mode only, so it may come from a public CDN. */

const cdn = "https://unpkg.com/@graphql-yoga/graphiql@4.5.1/dist";
const greeting = `# Put a key into the headers below: { "authorization": "Bearer hk_…" }
{
  viewer {
    merchant {
      name
      orders(first: 5) {
        nodes { number state total { formatted } liveCode { url } }
      }
    }
  }
}
`;

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>GraphiQL</title>
<link rel="stylesheet" href="${cdn}/graphiql.css">
<style>html, body, #root { height: 100%; margin: 0 }</style>
<div id="root">GraphiQL is loading from unpkg.com. Without it, POST to this address all the same.</div>
<script src="${cdn}/yoga-graphiql.umd.js"></script>
<script>YogaGraphiQL.renderYogaGraphiQL(document.getElementById("root"), ${JSON.stringify({ title: "Huoma", defaultQuery: greeting })})</script>
`;

export const graphiql = (): Response =>
  new Response(page, { headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" } });
