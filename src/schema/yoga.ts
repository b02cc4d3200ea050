/** GraphQL Yoga, set up once per isolate: what a document may be is bounded before anything is executed, and what went wrong inside stays inside. */
import { GraphQLError, type DocumentNode } from "graphql";
import { createYoga, type Plugin, type YogaServerInstance } from "graphql-yoga";
import { limits } from "../core/limits.ts";
import type { GraphContext } from "./context.ts";
import { asksForSchema, documentRules } from "./document-rules.ts";
import { schema } from "./index.ts";
import { unauthenticated } from "./refusals.ts";

type Server = YogaServerInstance<GraphContext, object>;

let server: Server | undefined;

/** `local` is the deployment's, and the same for every request. */
export function yoga(local: boolean): Server {
  server ??= createYoga<GraphContext>({
    schema,
    graphqlEndpoint: "/graphql",
    batching: false,
    multipart: false,
    landingPage: false,
    graphiql: local && { title: "Huoma", defaultQuery: greeting },
    // Follows NODE_ENV otherwise, and would send stack traces to whoever asks.
    maskedErrors: { isDev: false },
    // Bodies were bounded before; the built-in limit pipes each of them through a stream.
    maxRequestBodySize: false,
    // Anybody's page may ask, with a key of its own: nothing here rests on cookies.
    cors: { origin: "*", credentials: false, methods: ["GET", "POST"], maxAge: 86_400 },
    logging: "error",
    plugins: [boundedDocuments, discretion],
  });
  return server;
}

/** Parsing stops at the limit, and the rules run once per document: valid ones are remembered. */
const boundedDocuments: Plugin<GraphContext> = {
  onParse: ({ parseFn, setParseFn }) => {
    // Given as an option of the parser, so that a syntax error keeps its status; changing the hook's own parameters has no effect.
    setParseFn((source, options): unknown => parseFn(source, { ...options, maxTokens: limits.graphql.tokensMax }));
  },
  onValidate: ({ addValidationRule }) => {
    for (const rule of documentRules) addValidationRule(rule);
  },
};

/** Strangers learn the graph from its published file, not by asking: neither outright nor by misspelling. */
const discretion: Plugin<GraphContext> = {
  onExecute: ({ args, setResultAndStopExecution }) => {
    const context = args.contextValue;
    if (isStranger(context) && asksForSchema(args.document as DocumentNode))
      setResultAndStopExecution({
        errors: [unauthenticated("Introspection needs an API key; the graph is published as schema.graphql.")],
      });
  },
  onExecutionResult: (told) => {
    const { result, context } = told;
    if (!result || !("errors" in result) || !result.errors || !isStranger(context as unknown as GraphContext)) return;
    told.setResult({ ...result, errors: result.errors.map(withoutSuggestion) });
  },
};

const isStranger = ({ caller, deps }: GraphContext): boolean => caller.kind === "anonymous" && !deps.local;

const withoutSuggestion = (error: GraphQLError): GraphQLError => {
  const message = error.message.replace(/ Did you mean .*$/s, "");
  if (message === error.message) return error;
  return new GraphQLError(message, { nodes: error.nodes ?? null, extensions: error.extensions });
};

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
