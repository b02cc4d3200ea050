/**
 * A pretend Stripe: Checkout sessions, refunds and webhooks as far as a shop meets them. It remembers idempotency keys with what they were used
 * for, expires only what is open, and tells of one payment by several events, in no order, until each is taken.
 */
import { createHmac } from "node:crypto";

export type StripeKeys = { readonly secretKey: string; readonly webhookSecret: string };
type Json = Record<string, unknown>;
type Session = Json & {
  id: string;
  status: "open" | "complete" | "expired";
  payment_status: "paid" | "unpaid";
  amount_total: number;
  currency: string;
  client_reference_id: string;
  success_url: string;
  metadata: Json;
  intent_metadata: Json;
  payment_intent: Json | null;
};
type Refund = Json & { id: string; payment_intent: string; amount: number; metadata: Json };

const threePlaces = ["bhd", "jod", "kwd", "omr", "tnd"];
const seconds = (at: number): number => Math.floor(at / 1000);
const fault = (status: number, error: Json): Response => Response.json({ error }, { status });

/** `Stripe-Signature` over a body; `secret` whole, prefix included. */
export const signAsStripe = (secret: string, body: string | Uint8Array, at: number): string =>
  `t=${seconds(at)},v1=${createHmac("sha256", secret)
    .update(`${seconds(at)}.`)
    .update(body)
    .digest("hex")}`;

/** Brackets of a form as the object they mean. */
function unfold(form: URLSearchParams): Json {
  const root: Json = {};
  for (const [name, value] of form) {
    const path = name.split(/[[\]]+/).filter((part) => part !== "");
    let at = root;
    for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Json;
    at[path.at(-1) ?? ""] = value;
  }
  return root;
}

export type StripeServer = ReturnType<typeof stripeServer>;

export function stripeServer({ secretKey, webhookSecret }: StripeKeys, origin = "https://checkout.stripe.com") {
  const sessions = new Map<string, Session>();
  const refunds: Refund[] = [];
  const used = new Map<string, { readonly body: string; readonly answer: string }>();
  let count = 0;
  const name = (prefix: string): string => `${prefix}_test_${(count += 1).toString().padStart(8, "0")}`;
  const now = (): number => seconds(Date.now());

  function createSession(form: URLSearchParams): Session | Response {
    const asked = unfold(form) as unknown as {
      mode: string;
      client_reference_id: string;
      success_url: string;
      expires_at: string;
      metadata: Json;
      payment_intent_data: { metadata: Json };
      line_items: Record<string, { quantity: string; price_data: { currency: string; unit_amount: string } }>;
    };
    const item = asked.line_items["0"]?.price_data;
    const amount = Number(item?.unit_amount);
    const left = Number(asked.expires_at) - now();
    if (asked.mode !== "payment" || !item || !Number.isSafeInteger(amount) || amount < 1)
      return fault(400, { type: "invalid_request_error", message: "Invalid line item" });
    if (threePlaces.includes(item.currency) && amount % 10 !== 0)
      return fault(400, { type: "invalid_request_error", message: "The amount must be a multiple of 10" });
    if (left < 30 * 60 || left > 24 * 3600)
      return fault(400, {
        type: "invalid_request_error",
        message: "The expires_at must be 30 minutes to 24 hours away",
      });
    const id = name("cs");
    return {
      id,
      object: "checkout.session",
      url: `${origin}/c/pay/${id}`,
      status: "open",
      payment_status: "unpaid",
      amount_total: amount,
      currency: item.currency,
      client_reference_id: asked.client_reference_id,
      success_url: asked.success_url,
      metadata: asked.metadata,
      intent_metadata: asked.payment_intent_data.metadata,
      payment_intent: null,
      customer: null,
      customer_details: null,
      created: now(),
      expires_at: Number(asked.expires_at),
    };
  }

  function createRefund(form: URLSearchParams): Refund | Response {
    const asked = unfold(form) as unknown as { payment_intent: string; amount: string; metadata: Json };
    const session = [...sessions.values()].find((one) => one.payment_intent?.["id"] === asked.payment_intent);
    const gone = refunds.filter((one) => one.payment_intent === asked.payment_intent);
    const left = (session?.amount_total ?? 0) - gone.reduce((sum, one) => sum + one.amount, 0);
    if (!session || session.payment_status !== "paid")
      return fault(404, { type: "invalid_request_error", code: "resource_missing", message: "No such payment_intent" });
    if (Number(asked.amount) > left)
      return fault(400, { type: "invalid_request_error", message: "Refund amount is greater than unrefunded amount" });
    const refund: Refund = {
      id: name("re"),
      object: "refund",
      amount: Number(asked.amount),
      currency: session.currency,
      payment_intent: asked.payment_intent,
      metadata: asked.metadata,
      status: "succeeded",
      created: now(),
    };
    refunds.push(refund);
    return refund;
  }

  /** What a session looks like when its intent is not asked for whole. */
  const plain = (session: Session): Json => ({ ...session, payment_intent: session.payment_intent?.["id"] ?? null });

  async function route(request: Request): Promise<Json | Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [, id, verb] = /^\/v1\/checkout\/sessions\/([^/]+)(\/expire)?$/.exec(pathname) ?? [];
    const session = id === undefined ? undefined : sessions.get(id);
    if (id !== undefined && !session)
      return fault(404, { type: "invalid_request_error", code: "resource_missing", message: "No such session" });
    if (session && verb === undefined && request.method === "GET")
      return searchParams.has("expand[]") ? session : plain(session);
    if (session && verb !== undefined) {
      if (session.status !== "open")
        return fault(400, { type: "invalid_request_error", message: "Only open sessions can be expired" });
      session.status = "expired";
      return plain(session);
    }
    const body = new URLSearchParams(await request.text());
    if (request.method === "POST" && pathname === "/v1/checkout/sessions") {
      const made = createSession(body);
      if (!(made instanceof Response)) sessions.set(made.id, made);
      return made instanceof Response ? made : plain(made);
    }
    if (pathname === "/v1/refunds" && request.method === "GET")
      return {
        object: "list",
        data: refunds.filter((one) => one.payment_intent === searchParams.get("payment_intent")),
        has_more: false,
      };
    if (pathname === "/v1/refunds") return createRefund(body);
    return fault(404, { type: "invalid_request_error", message: "Unrecognized request URL" });
  }

  async function handle(request: Request): Promise<Response> {
    if (request.headers.get("authorization") !== `Bearer ${secretKey}`)
      return fault(401, { type: "invalid_request_error", message: "Invalid API Key provided" });
    const key = request.headers.get("idempotency-key");
    const body = await request.clone().text();
    const before = key === null ? undefined : used.get(key);
    if (before && before.body !== body)
      return fault(400, { type: "idempotency_error", message: "Keys can only be used with the same parameters" });
    if (before)
      return new Response(before.answer, {
        headers: { "content-type": "application/json", "idempotent-replayed": "true" },
      });
    const answer = await route(request);
    if (answer instanceof Response) return answer;
    const text = JSON.stringify(answer);
    if (key !== null) used.set(key, { body, answer: text });
    return new Response(text, { headers: { "content-type": "application/json" } });
  }

  const sessionOf = (payment: string): Session => {
    const found = [...sessions.values()].findLast((one) => one.client_reference_id === payment);
    if (!found) throw new Error("nobody ever began that payment");
    return found;
  };
  const event = (type: string, object: Json, at = Date.now()): string =>
    JSON.stringify({
      id: name("evt"),
      object: "event",
      api_version: "2026-10-28.endive",
      created: seconds(at),
      type,
      data: { object },
    });

  /** The payer's side of Checkout. Answers the events that Stripe tells of it; delayed means of payment come later, or not. */
  function pay(payment: string, person: Json = {}, at = Date.now()): readonly string[] {
    const session = sessionOf(payment);
    if (session.status !== "open") throw new Error("the session is not open");
    const intent = {
      id: name("pi"),
      object: "payment_intent",
      status: "succeeded",
      amount_received: session.amount_total,
      currency: session.currency,
      metadata: session["intent_metadata"],
      latest_charge: { id: name("ch"), created: seconds(at), amount: session.amount_total },
    };
    Object.assign(session, { status: "complete", payment_status: "paid", payment_intent: intent, ...person });
    return [
      event("payment_intent.succeeded", { ...intent, latest_charge: intent.latest_charge.id }, at),
      event("checkout.session.completed", plain(session), at),
    ];
  }

  /** A card that is declined: the page stays open for another. */
  function decline(payment: string): readonly string[] {
    const session = sessionOf(payment);
    if (session.status !== "open") return [];
    const intent = {
      id: name("pi"),
      object: "payment_intent",
      status: "requires_payment_method",
      last_payment_error: { code: "card_declined" },
      metadata: session["intent_metadata"],
    };
    session.payment_intent = intent;
    return [event("payment_intent.payment_failed", intent)];
  }

  /** A delayed means of payment that brings nothing in the end. */
  function fail(payment: string): readonly string[] {
    const session = sessionOf(payment);
    const intent = { id: name("pi"), status: "requires_payment_method", metadata: session["intent_metadata"] };
    Object.assign(session, { status: "complete", payment_intent: intent });
    return [event("checkout.session.async_payment_failed", plain(session))];
  }

  return {
    handle,
    pay,
    decline,
    fail,
    event,
    sessions,
    refunds,
    session: sessionOf,
    sign: (body: string | Uint8Array, at = Date.now()) =>
      new Headers({ "stripe-signature": signAsStripe(webhookSecret, body, at), "content-type": "application/json" }),
  };
}
