/** Whether a request is a person looking at a code. Whatever fetches on its own (bots, link previews, prefetch) counts nothing. */
import { isbot } from "isbot";
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";

/** Phones of one shop share few user agents; asking `isbot` takes longer than the rest of a redirect. */
const verdicts = new Recent<boolean>(limits.userAgentsKeptMax);

const isBotAgent = (agent: string): boolean =>
  agent.length > limits.userAgentLengthMax || verdicts.of(agent, () => !handTool.test(agent) && isbot(agent));

/**
 * What somebody holds in their hand: a tool they call, or a browser they drive. A developer who tries a code and sees its counter stand still
 * would look for a fault; an automaton that is after our counters can lie about its name anyway.
 */
const handTool =
  /^(?:curl|wget|httpie|postman|insomnia|node|undici|bun|deno|python|go-http-client|okhttp|axios|got)\b|\bHeadlessChrome\//i;

/** Browsers and messengers that fetch ahead say so in one of these. */
const aheadHeaders = ["sec-purpose", "purpose", "x-purpose", "x-moz"] as const;

export function isPerson({ method, headers }: Request): boolean {
  if (method !== "GET") return false;
  const agent = headers.get("user-agent") ?? "";
  if (isBotAgent(agent)) return false;
  if (aheadHeaders.some((name) => /prefetch|prerender|preview|instant/i.test(headers.get(name) ?? ""))) return false;
  // A reload or a link of our own pages is the same person still looking.
  if (headers.get("sec-fetch-site") === "same-origin") return false;
  // An image, a frame or a script of somebody's page that names a code shows it to nobody.
  return (headers.get("sec-fetch-dest") ?? "document") === "document";
}
