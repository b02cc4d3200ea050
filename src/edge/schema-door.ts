/** `GET /schemas/conversion-block.json`: what a conversion block may say, for editors and checkers. Made of the very shapes that validate. */
import { definitionSchema } from "../conversions/grammar.ts";
import type { Deps } from "../resolvers/deps.ts";

export const schemaDoor = ({ origin }: Deps): Response =>
  Response.json(definitionSchema(origin), {
    headers: {
      "content-type": "application/schema+json",
      "cache-control": "public, max-age=3600",
      "access-control-allow-origin": "*",
    },
  });
