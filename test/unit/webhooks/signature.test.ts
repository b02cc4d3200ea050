import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { hintOf, newSecret, sign, signatureHeader } from "../../../src/webhooks/signature.ts";

// The specification's own vector: libraries/javascript/src/webhook.test.ts of standard-webhooks/standard-webhooks.
const vector = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  message: { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1614265330, body: '{"test": 2432232314}' },
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

const seconds = Math.floor(Date.now() / 1000);
const message = { id: "event_01H455VB4PEX5VSK0001", seconds, body: '{"type":"order.paid","data":{"name":"活码 ☕"}}' };
const headers = (signature: string, over: Partial<typeof message> = {}) => ({
  "webhook-id": over.id ?? message.id,
  "webhook-timestamp": String(over.seconds ?? message.seconds),
  "webhook-signature": signature,
});

const refused = "No matching signature found";

describe("a webhook's signature", () => {
  it("is the one the specification gives", () => {
    expect(sign(vector.secret, vector.message)).toBe(vector.signature);
  });

  it("is accepted by the reference library, for secrets of every allowed length", () => {
    for (const length of [24, 25, 32, 33, 63, 64]) {
      const secret = `whsec_${randomBytes(length).toString("base64")}`;
      const verified = new Webhook(secret).verify(message.body, headers(signatureHeader([secret], message)));
      expect(verified).toEqual(JSON.parse(message.body));
    }
  });

  it("covers id, time and body: another of any of them is refused", () => {
    const secret = newSecret(randomBytes);
    const library = new Webhook(secret);
    const header = signatureHeader([secret], message);
    expect(() => library.verify(message.body, headers(header, { id: "event_01H455VB4PEX5VSK0002" }))).toThrow(refused);
    expect(() => library.verify(message.body, headers(header, { seconds: seconds - 1 }))).toThrow(refused);
    expect(() => library.verify(`${message.body} `, headers(header))).toThrow(refused);
    expect(() => new Webhook(newSecret(randomBytes)).verify(message.body, headers(header))).toThrow(refused);
  });

  it("comes once per valid secret, so receivers with the old or the new one agree during a rotation", () => {
    const [old, fresh, stranger] = [newSecret(randomBytes), newSecret(randomBytes), newSecret(randomBytes)];
    const header = signatureHeader([fresh, old], message);
    expect(header.split(" ")).toHaveLength(2);
    for (const secret of [old, fresh])
      expect(() => new Webhook(secret).verify(message.body, headers(header))).not.toThrow();
    expect(() => new Webhook(stranger).verify(message.body, headers(header))).toThrow(refused);
  });
});

describe("a webhook's secret", () => {
  it("is whsec_ and 32 bytes of base64, and shows no more than its last characters", () => {
    const secret = newSecret(() => new Uint8Array(32).fill(7));
    expect(secret).toBe(`whsec_${Buffer.alloc(32, 7).toString("base64")}`);
    expect(hintOf(secret)).toBe("whsec_…HBwc");
  });

  it.each([
    ["no prefix", Buffer.alloc(32).toString("base64")],
    ["too short", `whsec_${Buffer.alloc(23).toString("base64")}`],
    ["too long", `whsec_${Buffer.alloc(65).toString("base64")}`],
    ["not base64", `whsec_${"!".repeat(44)}`],
    ["empty", "whsec_"],
  ])("signs nothing when malformed: %s", (_why, secret) => {
    expect(() => sign(secret, message)).toThrow("a webhook secret is");
  });
});
