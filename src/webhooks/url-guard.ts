/**
 * Which URLs that a merchant gives us we will ever ask: none that leads into somebody's private network, nor back to us. Judged on the parsed URL, because the parser
 * (the same that `fetch` uses) turns every spelling of an address into one: `2130706433`, `0x7f.1` and `①②⑦.0.0.1` are all 127.0.0.1.
 *
 * What a name resolves to cannot be pinned from a Worker. There the platform is relied on: it reaches no private network, and an attempt that
 * failed because of a rebound name has sent nothing but an event. Whoever hosts workerd must leave its default network, `allow = ["public"]`.
 */
import ipaddr from "ipaddr.js";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";

export type UrlPolicy = {
  /** On a developer's machine: http, any port, local names and private addresses too. */
  readonly allowPrivate: boolean;
  /** The host this deployment is served from; null when it is not known. */
  readonly ownHost: string | null;
};

/** This deployment's. */
export const policyOf = ({
  WEBHOOK_ALLOW_PRIVATE,
  PUBLIC_ORIGIN,
}: Pick<Env, "WEBHOOK_ALLOW_PRIVATE" | "PUBLIC_ORIGIN">): UrlPolicy => ({
  allowPrivate: WEBHOOK_ALLOW_PRIVATE === "1",
  ownHost: PUBLIC_ORIGIN ? new URL(PUBLIC_ORIGIN).hostname : null,
});

export const urlFaults = {
  TOO_LONG: `is longer than ${limits.urlLengthMax} characters`,
  MALFORMED: "is not an absolute URL",
  SCHEME: "must begin with https://",
  USERINFO: "must not carry a user name or password",
  PORT: "must use port 443 or 8443",
  LOCAL_NAME: "must name a host of the public internet",
  PRIVATE_ADDRESS: "must not be a private or reserved address",
  OWN_HOST: "must not lead back to this service",
} as const;
export type UrlFault = keyof typeof urlFaults;

/** The empty port is the scheme's own. */
const ports: ReadonlySet<string> = new Set(["", "8443"]);
/** Top-level names that never belong to the public internet (RFC 6761, RFC 6762, RFC 8375, ICANN's refusals). */
const localZones = [
  "localhost",
  "local",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "home.arpa",
  "onion",
];
const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

type Verdict = Result<URL, UrlFault>;

/** What was judged last by a policy: an endpoint is sent much to one URL. */
const judged = new WeakMap<UrlPolicy, { readonly text: string; readonly verdict: Verdict }>();

/** The URL, parsed, when it may be asked. Ask anew before every use: the policy may have changed. */
export function allowedUrl(text: string, policy: UrlPolicy): Verdict {
  const last = judged.get(policy);
  if (last?.text === text) return last.verdict;
  const verdict = judge(text, policy);
  judged.set(policy, { text, verdict });
  return verdict;
}

function judge(text: string, { allowPrivate, ownHost }: UrlPolicy): Verdict {
  if (text.length > limits.urlLengthMax) return err("TOO_LONG");
  // The parser would silently drop white space and control characters; who writes them is not understood the same by everybody.
  if (/[\s\p{Cc}\\]/u.test(text) || !URL.canParse(text)) return err("MALFORMED");
  const url = new URL(text);
  if (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:")) return err("SCHEME");
  if (url.username !== "" || url.password !== "") return err("USERINFO");
  if (allowPrivate) return ok(url);
  if (!ports.has(url.port)) return err("PORT");
  const fault = hostFault(url.hostname.replace(/\.$/, ""), ownHost);
  return fault ? err(fault) : ok(url);
}

function hostFault(host: string, ownHost: string | null): UrlFault | null {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  if (ipaddr.isValid(address)) return isPublic(ipaddr.parse(address)) ? null : "PRIVATE_ADDRESS";
  if (!host.includes(".") || !host.split(".").every((part) => label.test(part))) return "LOCAL_NAME";
  if (localZones.some((zone) => isWithin(host, zone))) return "LOCAL_NAME";
  return ownHost !== null && isWithin(host, ownHost) ? "OWN_HOST" : null;
}

/** Global unicast only. In IPv6 that is 2000::/3, which also leaves out every range that wraps an IPv4 address but 6to4 and Teredo. */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(ipaddr.IPv6.parse("2000::"), 3);
}

const isWithin = (host: string, zone: string): boolean => host === zone || host.endsWith(`.${zone}`);
