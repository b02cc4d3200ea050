/**
 * What a conversion block may say: the one source of its validation and of the JSON Schema published at `/schemas/conversion-block.json`. What
 * the shapes cannot say (that a target can be reached, that a message has its consent) is in `definition-faults.ts`.
 */
import { limits } from "../core/limits.ts";
import { integer, list, object, oneOf, optional, record, recursive, text, variant, type Shape } from "./shape.ts";

const key = text(40, {
  pattern: /^[a-z][a-z0-9_-]{0,39}$/,
  what: "must begin with a letter and have at most 40 of a to z, digits, - and _",
});
const decimal = text(20, { pattern: /^\d{1,15}(\.\d{1,4})?$/, what: 'must be a plain decimal such as "19.90"' });
const clock = text(5, { pattern: /^([01]\d|2[0-3]):[0-5]\d$/, what: 'must be a time of day such as "09:00"' });
const locale = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;
const url = text(limits.urlLengthMax, {
  pattern: /^https:\/\/[^\s]+$/,
  what: "must be a URL that begins with https://",
});
const name = text(limits.nameLengthMax);
const id = text(60);
const texts = record(locale, "language tags", text(limits.textLengthMax), limits.localesPerTextMax);
const purpose = oneOf("MARKETING_MESSAGE", "PARTNER_SHARING", "PROFILING");
const window = object({
  from: optional(clock),
  until: optional(clock),
  days: optional(list(oneOf("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"), 1, 7)),
});
/** When a member of staff works. */
export const scheduleShape = list(window, 0, 21);
const some = (item: Shape): Shape => optional(list(item, 1, limits.conditionValuesMax));

const conditionFields = (self: Shape) => ({
  amountAtLeast: optional(decimal),
  amountBelow: optional(decimal),
  currency: some(text(3, { pattern: /^[A-Z]{3}$/, what: "must be an ISO 4217 code" })),
  product: some(id),
  channel: some(name),
  placement: some(id),
  segment: optional(oneOf("NEW", "RETURNING")),
  nthPurchase: some(integer(1, limits.grantsMax)),
  time: optional(window),
  locale: some(text(20, { pattern: locale, what: "must be a language tag" })),
  wallet: some(oneOf("SANDBOX", "STRIPE", "WECHAT_PAY", "ALIPAY", "MANUAL")),
  country: some(text(2, { pattern: /^[A-Z]{2}$/, what: "must be an ISO 3166 code of two letters" })),
  consent: some(purpose),
  all: some(self),
  any: some(self),
  not: optional(self),
});
const condition = recursive("#/$defs/condition", limits.definitionDepthMax, (self) => object(conditionFields(self)));

const onRefund = (...ways: readonly string[]) => ({ onRefund: oneOf(...ways) });
const kept = onRefund("KEEP");
const reversible = onRefund("KEEP", "REVERSE");
const message = { template: optional(texts), window: optional(window) };

const action = variant(
  "kind",
  { key, when: optional(condition), requires: optional(purpose) },
  {
    TAG_ADD: { tags: list(text(limits.tagLengthMax), 1, limits.tagsPerActionMax), ...reversible },
    POINTS_GRANT: {
      points: optional(integer(1, limits.pointsMax)),
      perMajorUnit: optional(integer(1, 1_000)),
      ...onRefund("KEEP", "REVERSE", "PRORATE"),
    },
    COUPON_GRANT: {
      name,
      value: decimal,
      validDays: optional(integer(1, 3_650)),
      limit: optional(
        object({ total: optional(integer(1, limits.grantsMax)), perCustomer: optional(integer(1, limits.grantsMax)) }),
      ),
      ...reversible,
    },
    TIER_SET: { tier: text(limits.tagLengthMax), ...reversible },
    NOTE_ADD: { note: text(limits.textLengthMax), ...reversible },
    // What was said cannot be unsaid.
    MESSAGE_SEND: { template: texts, window: optional(window), ...kept },
    CONTACT_INVITE: { ...message, ...reversible },
    GROUP_INVITE: {
      groups: list(object({ name, url, capacity: integer(1, limits.grantsMax) }), 1, limits.groupsPerActionMax),
      ...message,
      ...reversible,
    },
    CRM_PUSH: {
      fields: optional(record(/^[A-Za-z_][A-Za-z0-9_]{0,39}$/, "field names", text(limits.textLengthMax), 20)),
      ...reversible,
    },
  },
);
const target = variant(
  "kind",
  { when: optional(condition) },
  { RECEIPT: {}, URL: { url }, STAFF_CONTACT: {}, GROUP: {}, COUPON: {} },
);

export const definitionShape = object({
  identity: optional(object({ ask: list(oneOf("PHONE", "EMAIL", "NAME"), 1, 3) })),
  consents: optional(list(object({ purpose, textVersion: text(limits.consentWordLengthMax), text: texts }), 1, 3)),
  assignment: optional(object({ pool: id, fallback: optional(id), when: optional(condition) })),
  actions: list(action, 0, limits.actionsPerBlockMax),
  targets: list(target, 0, limits.targetsPerBlockMax),
});

/** The published schema. `origin` is where it is served from. */
export const definitionSchema = (origin: string): object => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: `${origin}/schemas/conversion-block.json`,
  title: "Conversion block",
  description: "What happens at the moment a payer becomes a customer.",
  ...definitionShape.schema,
  $defs: { condition: object(conditionFields(condition)).schema },
});
