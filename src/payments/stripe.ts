/**
 * Stripe Checkout: one session per attempt, https://docs.stripe.com/api/checkout/sessions. Every request carries our own id as its idempotency
 * key; what a session or a refund is called at Stripe is remembered or looked up, because those keys are forgotten after a day.
 */
import { orderId } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { apiBase, credentialsOf, form, secretLike, several } from "./credentials.ts";
import { askProvider, refused, unavailable } from "./http.ts";
import { isMap, beginning, mapIn, parseMap, textIn, type JsonMap } from "./json.ts";
import type { AttemptReport, PaymentPort, PaymentRequest, ProviderFault, ProviderNews } from "./provider.ts";
import { toStripe } from "./stripe-amount.ts";
import { newsOfEvent, newsOfSession, refundStateOf } from "./stripe-news.ts";
import { hasTimedSignature } from "./timed-signature.ts";

/** The version whose words are understood here; the account's own may be another. */
const version = "2026-10-28.endive";

const stripeForm = form("StripeAccount", {
  secretKey: secretLike(
    "Secret or restricted key, from Developers → API keys.",
    /^[sr]k_(live|test)_[A-Za-z0-9_]+$/,
    "must be a secret or restricted key: sk_live_…, rk_live_…, sk_test_… or rk_test_…",
  ),
  webhookSecrets: several(
    secretLike(
      "Signing secrets of the webhook endpoint that has this account's notification URL.",
      /^whsec_[A-Za-z0-9+/=_-]+$/,
      "must be a signing secret: whsec_…",
    ),
  ),
  apiBase,
});
export type StripeCredentials = {
  readonly secretKey: string;
  readonly webhookSecrets: readonly string[];
  readonly apiBase: string | null;
};

type Fields = readonly (readonly [string, string])[];
/** As Stripe's own libraries write it: brackets stay, everything that may mean something is escaped. */
const encoded = (fields: Fields): string =>
  fields
    .map(
      ([name, value]) =>
        `${name}=${encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`,
    )
    .join("&");

/** It told the same before, under the same key, and will for a day. */
const isRepeated = (headers: Headers): boolean => headers.get("idempotent-replayed") === "true";

type Asked = Result<JsonMap, ProviderFault & { readonly code?: string; readonly replayed?: boolean }>;

async function ask(
  { secretKey, apiBase: base }: StripeCredentials,
  path: string,
  post: { readonly fields: Fields; readonly key: string | null } | null,
): Promise<Asked> {
  const reply = await askProvider((base ?? "https://api.stripe.com") + path, {
    method: post ? "POST" : "GET",
    headers: {
      authorization: `Bearer ${secretKey}`,
      "stripe-version": version,
      ...(post && { "content-type": "application/x-www-form-urlencoded" }),
      ...(post?.key && { "idempotency-key": post.key }),
    },
    ...(post && { body: encoded(post.fields) }),
    means: ({ status: failed, headers: told }) => failed >= 500 && isRepeated(told),
  });
  if (!reply.ok) return reply;
  const { status, headers, body } = reply.value;
  const told = parseMap(body);
  if (!told) return unavailable("Stripe answered something that is no JSON");
  if (status < 300) return ok(told);
  const fault = mapIn(told, "error");
  const message = textIn(fault, "message") ?? `Stripe answered ${status}`;
  // 409: the same key is being worked on at this moment.
  if (status === 409) return unavailable(message);
  const code = textIn(fault, "code") ?? textIn(fault, "type") ?? "";
  return err({ reason: status >= 500 ? "UNAVAILABLE" : "REFUSED", message, code, replayed: isRepeated(headers) });
}

const expanded = "expand[]=payment_intent.latest_charge";
const sessionPath = (id: string): string => `/v1/checkout/sessions/${encodeURIComponent(id)}`;

export const stripePort: PaymentPort<StripeCredentials> = {
  provider: "STRIPE",
  ...credentialsOf(stripeForm),

  async verify({ webhookSecrets }, headers, body, { now, account }) {
    if (!hasTimedSignature(webhookSecrets, headers.get("stripe-signature"), body, now)) return err("SIGNATURE");
    const event = parseMap(body);
    const news = event && newsOfEvent(event, account);
    return news ? ok(news) : err("UNREADABLE");
  },

  async begin(credentials, request, { account }) {
    const { reference } = request;
    if (reference) return leadAgain(await ask(credentials, sessionPath(reference), null), request, reference);
    const fields = sessionFields(request, account);
    if (fields === null) return refused(`Stripe takes no such amount of ${request.currency}`);
    const made = await ask(credentials, "/v1/checkout/sessions", { fields, key: request.payment });
    if (!made.ok) {
      // The key was used for other terms, or for a try that failed at Stripe, which Stripe would repeat for a day: this attempt leads nowhere.
      const stuck = made.error.code === "idempotency_error" || made.error.replayed === true;
      return stuck ? err({ reason: "GONE", message: made.error.message }) : made;
    }
    const [id, url] = [textIn(made.value, "id"), textIn(made.value, "url")];
    return id && url
      ? ok({ redirectUrl: url, reference: id })
      : unavailable("Stripe made a session without an address");
  },

  async query(credentials, _, { reference = null }) {
    // Without a reference nobody was ever led to a session of it.
    if (reference === null) return ok({ state: "PENDING" });
    const session = await ask(credentials, `${sessionPath(reference)}?${expanded}`, null);
    return session.ok ? reportOf(session.value) : session;
  },

  async close(credentials, payment, call) {
    const { reference = null } = call;
    if (reference === null) return ok(closed(payment));
    const expired = await ask(credentials, `${sessionPath(reference)}/expire`, { fields: [], key: null });
    if (expired.ok) return ok(closed(payment));
    // Only an open session can be expired: what it is instead is the answer.
    return expired.error.reason === "REFUSED" ? stripePort.query(credentials, payment, call) : expired;
  },

  async refund(credentials, { refund, transaction, amount, currency }, { account }) {
    const theirs = toStripe(amount, currency);
    if (theirs === null) return refused(`Stripe gives back no such amount of ${currency}`);
    const query = encoded([
      ["payment_intent", transaction],
      ["limit", "100"],
    ]);
    const listed = await ask(credentials, `/v1/refunds?${query}`, null);
    if (!listed.ok) return listed;
    const { data } = listed.value;
    const known = (Array.isArray(data) ? data : []).find(
      (one: unknown): one is JsonMap => isMap(one) && textIn(mapIn(one, "metadata"), "refund") === refund,
    );
    if (known) return stateOf(known);
    const fields: Fields = [
      ["payment_intent", transaction],
      ["amount", String(theirs)],
      ["metadata[refund]", refund],
      ["metadata[account]", account],
    ];
    for (const key of [refund, `${refund}-2`, `${refund}-3`]) {
      const made = await ask(credentials, "/v1/refunds", { fields, key });
      if (made.ok) return stateOf(made.value);
      // A release before asked under this key in other words, and Stripe forgets a key after a day: not a no, and no reason to ask for the money twice.
      if (made.error.code === "idempotency_error") return unavailable("Stripe knows this refund in other words");
      // A fault of its own that Stripe merely repeats made no refund, or it would be listed: another key asks in earnest.
      if (made.error.reason !== "UNAVAILABLE" || !made.error.replayed) return made;
    }
    return unavailable("Stripe repeats a fault of its own");
  },
};

/** Null when Stripe cannot take the amount. */
function sessionFields(request: PaymentRequest, account: string): Fields | null {
  const { payment, order, amount, currency, description, returnUrl, expiresAt, startedAt } = request;
  const unitAmount = toStripe(amount, currency);
  if (unitAmount === null) return null;
  // Stripe closes no session sooner or later; ours is closed by the live code when its time has come.
  const { min, max } = limits.stripeSessionLifeMs;
  const start = startedAt ?? expiresAt - min;
  const ends = Math.min(Math.max(expiresAt, start + min), start + max);
  return [
    ["mode", "payment"],
    ["client_reference_id", payment],
    ["success_url", returnUrl],
    ["cancel_url", returnUrl],
    ["expires_at", String(Math.floor(ends / 1000))],
    ["line_items[0][quantity]", "1"],
    ["line_items[0][price_data][currency]", currency.toLowerCase()],
    ["line_items[0][price_data][unit_amount]", String(unitAmount)],
    ["line_items[0][price_data][product_data][name]", beginning(description, limits.paymentTextLengthMax.stripe)],
    // Or Stripe may ask for another currency than the order's.
    ["adaptive_pricing[enabled]", "false"],
    ["metadata[payment]", payment],
    ["metadata[order]", orderId(order)],
    ["metadata[account]", account],
    ["payment_intent_data[metadata][payment]", payment],
    ["payment_intent_data[metadata][order]", orderId(order)],
    ["payment_intent_data[metadata][account]", account],
  ];
}

function leadAgain(session: Asked, { returnUrl }: PaymentRequest, reference: string) {
  if (!session.ok) return session;
  const [status, url] = [textIn(session.value, "status"), textIn(session.value, "url")];
  if (status === "open" && url) return ok({ redirectUrl: url, reference });
  // Paid, or on its way: the order's page tells how it stands.
  if (status === "complete") return ok({ redirectUrl: returnUrl, reference });
  return err<ProviderFault>({ reason: "GONE", message: "the session has ended" });
}

function reportOf(session: JsonMap): Result<AttemptReport, ProviderFault> {
  const charge = mapIn(mapIn(session, "payment_intent"), "latest_charge");
  const paidAt = charge?.["created"] ?? session["created"];
  const news = newsOfSession(session, typeof paidAt === "number" ? paidAt : 0);
  if (!news) return unavailable("Stripe told of a session that makes no sense");
  return ok(news.kind === "ignored" ? { state: "PENDING" } : { state: "NEWS", news });
}

function closed(payment: string): AttemptReport {
  const command = { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null } as const;
  const news: ProviderNews = { kind: "ended", order: null, command };
  return { state: "NEWS", news };
}

function stateOf(refund: JsonMap) {
  const state = refundStateOf(refund);
  return state ? ok({ state }) : unavailable("Stripe told of a refund that makes no sense");
}
