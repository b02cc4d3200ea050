import { describe, expect, it } from "vitest";
import { allowedUrl, type UrlFault } from "../../../src/webhooks/url-guard.ts";

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

  const refused: Record<UrlFault, string[]> = {
    TOO_LONG: [`https://partner.example/${"a".repeat(2000)}`],
    MALFORMED: [
      "",
      "partner.example/hook",
      "//partner.example/hook",
      "https://",
      "https:// partner.example",
      " https://partner.example/",
      "https://partner.example/\n",
      "https://part\tner.example/",
      "https://partner.example/\r\nX-Evil: 1",
      "https:\\\\partner.example\\hook",
      "https://partner.example\\@127.0.0.1/",
      "https://1.2.3.4.5/",
      "https://256.256.256.256/",
      "https://[::1/",
      "https://[fe80::1%25eth0]/",
      "https://partner.example:99999/",
    ],
    SCHEME: [
      "http://partner.example/hook",
      "ftp://partner.example/",
      "file:///etc/passwd",
      "javascript:alert(1)",
      "data:text/plain,hello",
      "ws://partner.example/",
      "wss://partner.example/",
      "gopher://127.0.0.1:6379/_INFO",
      "blob:https://partner.example/1",
    ],
    USERINFO: [
      "https://user:secret@partner.example/",
      "https://user@partner.example/",
      "https://:secret@partner.example/",
      "https://partner.example@127.0.0.1/",
      "https://partner.example%2F@127.0.0.1/",
    ],
    PORT: [
      "https://partner.example:22/",
      "https://partner.example:80/",
      "https://partner.example:6379/",
      "https://partner.example:8080/",
    ],
    LOCAL_NAME: [
      "https://localhost/",
      "https://LOCALHOST./",
      "https://ｌｏｃａｌｈｏｓｔ/",
      "https://foo.localhost/",
      "https://intranet/",
      "https://router.local/",
      "https://metadata.google.internal/computeMetadata/v1/",
      "https://db.internal./",
      "https://nas.home.arpa/",
      "https://nas.lan/",
      "https://wiki.corp/",
      "https://hidden.onion/",
      "https://partner..example/",
      "https://-partner.example/",
      "https://partner.example../",
    ],
    PRIVATE_ADDRESS: [
      // One address in many spellings: the parser turns each into 127.0.0.1.
      "https://127.0.0.1/",
      "https://127.0.0.1./",
      "https://127.1/",
      "https://127.0.1/",
      "https://2130706433/",
      "https://0x7f000001/",
      "https://0x7f.1/",
      "https://0177.0.0.1/",
      "https://017700000001/",
      "https://0x7f.0x0.0x0.0x1/",
      "https://127.255.255.254/",
      "https://１２７.０.０.１/",
      "https://①②⑦.⓪.⓪.①/",
      "https://127。0。0。1/",
      "https://%31%32%37.0.0.1/",
      "https://0/",
      "https://0.0.0.0/",
      "https://0.1.2.3/",
      "https://10.0.0.1/",
      "https://172.16.0.1/",
      "https://172.31.255.255/",
      "https://192.168.1.1/",
      "https://169.254.169.254/latest/meta-data/",
      "https://0xa9fea9fe/",
      "https://100.64.0.1/",
      "https://192.0.0.8/",
      "https://192.0.2.1/",
      "https://192.88.99.1/",
      "https://198.18.0.1/",
      "https://198.51.100.1/",
      "https://203.0.113.1/",
      "https://224.0.0.1/",
      "https://240.0.0.1/",
      "https://255.255.255.255/",
      "https://[::]/",
      "https://[::1]/",
      "https://[0:0:0:0:0:0:0:1]/",
      "https://[::127.0.0.1]/",
      "https://[::7f00:1]/",
      "https://[::8.8.8.8]/",
      "https://[::ffff:127.0.0.1]/",
      "https://[::ffff:7f00:1]/",
      "https://[::ffff:8.8.8.8]/",
      "https://[::ffff:0:127.0.0.1]/",
      "https://[64:ff9b::127.0.0.1]/",
      "https://[64:ff9b::a9fe:a9fe]/",
      "https://[64:ff9b:1::10.0.0.1]/",
      "https://[2002:7f00:1::]/",
      "https://[2002:a9fe:a9fe::1]/",
      "https://[2001:0:7f00:1::]/",
      "https://[2001:db8::1]/",
      "https://[2001:2::1]/",
      "https://[2001:20::1]/",
      "https://[3fff::1]/",
      "https://[fc00::1]/",
      "https://[fd12:3456:789a::1]/",
      "https://[fe80::1]/",
      "https://[fec0::1]/",
      "https://[ff02::1]/",
      "https://[100::1]/",
      "https://[5f00::1]/",
      "https://[4000::1]/",
    ],
    OWN_HOST: ["https://pay.huoma.example/graphql", "https://PAY.huoma.example./", "https://a.pay.huoma.example/"],
  };
  const table = Object.entries(refused).flatMap(([fault, urls]) => urls.map((url) => [fault, url] as const));

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
