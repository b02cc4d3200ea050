import { describe, expect, it } from "vitest";
import { allowedUrl, type UrlFault } from "../../../src/webhooks/url-guard.ts";
import { refusedUrls } from "./urls.ts";

const strict = { allowPrivate: false, ownHost: "pay.huoma.example" };
const local = { allowPrivate: true, ownHost: null };
const faultOf = (url: string, policy: Parameters<typeof allowedUrl>[1] = strict): UrlFault | null => {
  const allowed = allowedUrl(url, policy);
  return allowed.ok ? null : allowed.error;
};

describe("a URL that a merchant gives", () => {
  it.each([
    "https://partner.example/hook",
    "https://partner.example:443/hook",
    "https://partner.example:8443/hook?key=1#part",
    "https://PARTNER.Example/Hook",
    "https://partner.example./hook",
    "https://deep.sub.partner.example",
    "https://商店.example/钩",
    "https://xn--fiqs8s.example/",
    "https://my_app.partner.example/",
    "https://localhost.partner.example/",
    "https://internal.example/",
    "https://not-huoma.example/",
    "https://8.8.8.8/hook",
    "https://134744072/hook",
    "https://[2606:4700:4700::1111]/hook",
  ])("may lead to the public internet: %s", (url) => expect(faultOf(url)).toBeNull());

  const table = Object.entries(refusedUrls).flatMap(([fault, urls]) => urls.map((url) => [fault, url] as const));

  it.each(table)("is refused as %s: %j", (fault, url) => expect(faultOf(url)).toBe(fault));

  it("is tried in more than sixty spellings here", () => expect(table.length).toBeGreaterThanOrEqual(60));

  it.each([
    "http://127.0.0.1:39001/hook",
    "http://localhost:3000/",
    "https://[::1]:8443/",
    "http://10.0.0.7/",
    "http://nas/",
  ])("may lead anywhere on a developer's machine: %s", (url) => expect(faultOf(url, local)).toBeNull());

  it.each([
    ["SCHEME", "ftp://127.0.0.1/"],
    ["SCHEME", "file:///etc/passwd"],
    ["USERINFO", "http://user:secret@127.0.0.1/"],
    ["MALFORMED", "127.0.0.1/"],
  ])("is refused as %s even there: %s", (fault, url) => expect(faultOf(url, local)).toBe(fault));
});
