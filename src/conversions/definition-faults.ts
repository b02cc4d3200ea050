/** Everything that is wrong with a definition, each fault with its path: first its shape, then what only the whole can tell. */
import type { Condition, ConversionAction, ConversionDefinition, TargetRule, Texts } from "../core/definition.ts";
import { staffKey } from "../core/definition.ts";
import { limits } from "../core/limits.ts";
import { parseDecimal, type Currency } from "../core/money.ts";
import { definitionShape } from "./grammar.ts";
import { faultsIn, type Fault } from "./shape.ts";
import { unknownVariables } from "./template.ts";

type Fail = (path: readonly (string | number)[], message: string) => void;

/** An empty list: it may be published by a merchant who sells in that currency. */
export function definitionFaults(given: unknown, currency: Currency): readonly Fault[] {
  const shape = faultsIn(definitionShape, given);
  if (shape.length > 0) return shape;
  const faults: Fault[] = [];
  const fail: Fail = (path, message) => void faults.push({ path: path.map(String), message });
  const definition = given as ConversionDefinition;
  if (new TextEncoder().encode(JSON.stringify(definition)).length > limits.definitionBytesMax)
    fail([], `must have at most ${limits.definitionBytesMax} bytes`);
  checkConsents(definition, fail);
  checkActions(definition, currency, fail);
  checkTargets(definition, currency, fail);
  const { assignment } = definition;
  if (assignment?.when) checkCondition(assignment.when, ["assignment", "when"], definition, currency, fail);
  if (assignment && assignment.fallback === assignment.pool)
    fail(["assignment", "fallback"], "must be another pool than the first");
  return faults;
}

function checkConsents({ consents = [] }: ConversionDefinition, fail: Fail): void {
  consents.forEach(({ purpose }, index) => {
    if (consents.findIndex((one) => one.purpose === purpose) !== index)
      fail(["consents", index, "purpose"], "is asked for twice");
  });
}

function checkActions(definition: ConversionDefinition, currency: Currency, fail: Fail): void {
  const { actions } = definition;
  const asked = (definition.consents ?? []).map(({ purpose }) => purpose);
  actions.forEach((action, index) => {
    const path = (...field: (string | number)[]) => ["actions", index, ...field];
    if (action.key === staffKey) fail(path("key"), `is the assignment's own: choose another than ${staffKey}`);
    if (actions.findIndex(({ key }) => key === action.key) !== index) fail(path("key"), "is used twice");
    if (action.kind === "MESSAGE_SEND" && action.requires === undefined)
      fail(path("requires"), "is needed: a message is sent only to those who agreed to be written to");
    if (action.requires !== undefined && !asked.includes(action.requires))
      fail(path("requires"), "names a consent that the block does not ask for in `consents`");
    if (action.when) checkCondition(action.when, path("when"), definition, currency, fail);
    checkAction(action, currency, path, fail);
  });
  if (actions.filter(({ kind }) => kind === "COUPON_GRANT").length > limits.couponsPerBlockMax)
    fail(["actions"], `must have at most ${limits.couponsPerBlockMax} coupons`);
}

function checkAction(
  action: ConversionAction,
  currency: Currency,
  path: (...field: (string | number)[]) => readonly (string | number)[],
  fail: Fail,
): void {
  const template = (field: string, texts: Texts | undefined): void => {
    for (const [locale, text] of Object.entries(texts ?? {}))
      for (const variable of unknownVariables(text)) fail(path(field, locale), `has no variable {${variable}}`);
  };
  switch (action.kind) {
    case "POINTS_GRANT":
      if ((action.points === undefined) === (action.perMajorUnit === undefined))
        fail(path(), "must have either `points` or `perMajorUnit`");
      return;
    case "COUPON_GRANT":
      return checkDecimal(action.value, path("value"), currency, fail);
    case "MESSAGE_SEND":
    case "CONTACT_INVITE":
    case "GROUP_INVITE":
      return template("template", action.template);
    case "CRM_PUSH":
      return template("fields", action.fields);
    case "TAG_ADD":
    case "TIER_SET":
    case "NOTE_ADD":
      return;
  }
}

function checkDecimal(value: string, path: readonly (string | number)[], currency: Currency, fail: Fail): void {
  const parsed = parseDecimal(value, currency);
  if (!parsed.ok) fail(path, parsed.error);
}

/** A target that no order can come to is a mistake: somebody expects it to be led to. */
function checkTargets(definition: ConversionDefinition, currency: Currency, fail: Fail): void {
  const { targets } = definition;
  let isClosed = false;
  targets.forEach((target, index) => {
    if (isClosed) fail(["targets", index], "can never be reached: one before it always fits");
    const lacking = lackOf(target, definition);
    if (lacking) fail(["targets", index], `can never be reached: the block has no ${lacking}`);
    if (target.when) checkCondition(target.when, ["targets", index, "when"], definition, currency, fail);
    isClosed ||= target.when === undefined && (target.kind === "RECEIPT" || target.kind === "URL");
  });
}

function lackOf({ kind }: TargetRule, { actions, assignment }: ConversionDefinition): string | null {
  const has = (wanted: ConversionAction["kind"]) => actions.some((action) => action.kind === wanted);
  switch (kind) {
    case "STAFF_CONTACT":
      return assignment ? null : "assignment";
    case "GROUP":
      return has("GROUP_INVITE") ? null : "GROUP_INVITE";
    case "COUPON":
      return has("COUPON_GRANT") ? null : "COUPON_GRANT";
    case "RECEIPT":
    case "URL":
      return null;
  }
}

function checkCondition(
  condition: Condition,
  path: readonly (string | number)[],
  definition: ConversionDefinition,
  currency: Currency,
  fail: Fail,
): void {
  const { amountAtLeast, amountBelow, currency: currencies, consent = [], all = [], any = [], not } = condition;
  if (Object.keys(condition).length === 0) fail(path, "must say something");
  if (amountAtLeast !== undefined) checkDecimal(amountAtLeast, [...path, "amountAtLeast"], currency, fail);
  if (amountBelow !== undefined) checkDecimal(amountBelow, [...path, "amountBelow"], currency, fail);
  if (currencies && !currencies.includes(currency))
    fail([...path, "currency"], `can never hold: you sell in ${currency}`);
  const asked = (definition.consents ?? []).map(({ purpose }) => purpose);
  if (consent.some((purpose) => !asked.includes(purpose)))
    fail([...path, "consent"], "names a consent that the block does not ask for in `consents`");
  all.forEach((one, index) => checkCondition(one, [...path, "all", index], definition, currency, fail));
  any.forEach((one, index) => checkCondition(one, [...path, "any", index], definition, currency, fail));
  if (not) checkCondition(not, [...path, "not"], definition, currency, fail);
}
