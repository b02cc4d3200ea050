/** The longest life that all limits allow, told in the widest words, must fit into the one row that a live code is kept in. */
import { describe, expect, it } from "vitest";
import type { Command, HeardCapture } from "../../../src/core/commands.ts";
import { couponSeedLength } from "../../../src/core/block-run.ts";
import type { Said } from "../../../src/core/conversion.ts";
import type { ConversionDefinition } from "../../../src/core/definition.ts";
import { limits } from "../../../src/core/limits.ts";
import type { OrderTerms } from "../../../src/core/order.ts";
import { askedPool, staffOf } from "../../../src/core/staff-hold.ts";
import { cny, hour, Life, minute, placedAt, refunded, second, terms, tick, usd } from "./sample.ts";

/** What a row may hold is 2 MB; a live code keeps a distance from it. */
const rowBytesMax = 1_500_000;
/** A character of a person's text is three bytes at most: nobody gets a control character past the checks. */
const said = (length: number): string => "字".repeat(length);
/** Text that nobody checked, for the core cuts it itself. */
const unchecked = (length: number): string => "\u0001字".repeat(length / 2);
/** A provider's own names are taken as they come, if need be all control characters, of six bytes each in JSON. Each number is another. */
const id = (number = 0): string => String(number).padEnd(limits.referenceLengthMax, "\u0001");

/** As large as may be published: mostly what an action gives, since that is kept twice. */
const longDefinition: ConversionDefinition = {
  assignment: { pool: "pool_01M83R9TWY68J3CEP3R826VN3H" },
  actions: [
    ...Array.from({ length: 5 }, (_, index) => ({
      key: `note${index}`,
      kind: "NOTE_ADD" as const,
      note: said(900),
      onRefund: "REVERSE" as const,
    })),
    ...Array.from({ length: limits.actionsPerBlockMax - 5 }, (_, index) => ({
      key: `call${index}`,
      kind: "CRM_PUSH" as const,
      onRefund: "REVERSE" as const,
    })),
  ],
  targets: [{ kind: "STAFF_CONTACT" }],
};
const entered: Said = {
  name: said(limits.nameLengthMax),
  identities: [
    { kind: "PHONE", value: "+123456789012345", verified: false },
    { kind: "EMAIL", value: "x".repeat(254), verified: false },
  ],
  consents: (["MARKETING_MESSAGE", "PARTNER_SHARING", "PROFILING"] as const).map((purpose) => ({
    purpose,
    granted: true,
    textVersion: "x".repeat(60),
    textHash: "0".repeat(64),
    locale: "zh-Hans-CN",
    at: placedAt,
    channel: "payer page",
  })),
  locale: "zh-CN",
  country: "CN",
};

const longId = "pool_01M83R9TWY68J3CEP3R826VN3H";
const longTerms = (): OrderTerms =>
  terms(
    { overPayment: "REVIEW", underPayment: "REVIEW", latePayment: "REVIEW" },
    {
      lines: Array.from({ length: limits.linesPerOrderMax }, () => ({
        productId: "product_01M83R9TWY68J3CEP3R826VN3H",
        name: said(limits.nameLengthMax),
        quantity: limits.quantityMax,
        unitPrice: limits.amountMinorMax,
      })),
      merchant: {
        id: "merchant_01M83R9TWY68J3CEP3R826VN3H",
        name: said(limits.nameLengthMax),
        locale: "zh-Hans-CN",
        timeZone: "America/Argentina/ComodRivadavia",
      },
      attribution: {
        channel: said(limits.referenceLengthMax),
        campaign: said(limits.referenceLengthMax),
        staff: said(limits.referenceLengthMax),
        partner: said(limits.referenceLengthMax),
        placementId: null,
      },
      externalReference: said(limits.referenceLengthMax),
      metadata: "x".repeat(limits.metadataBytesMax - 2),
      checkoutUrl: "x".repeat(limits.urlLengthMax),
      total: limits.amountMinorMax,
      countsStock: false,
      accounts: Array.from({ length: limits.paymentAccountsPerMerchantMax }, (_, index) => ({
        id: `account_${index + 1}`,
        provider: "SANDBOX",
        unableIn: ["IN_WECHAT", "IN_ALIPAY", "PHONE", "DESKTOP"],
      })),
      expiresAt: placedAt + limits.liveCodeLifetimeMs.max,
      block: {
        id: "block_01M83R9TWY68J3CEP3R826VN3H",
        version: 1_000,
        definition: longDefinition,
        couponSeed: "x".repeat(couponSeedLength),
      },
    },
  );

const money = (number: number, fields: Partial<HeardCapture> = {}): Command => ({
  kind: "capture",
  exact: false,
  capture: {
    id: `SANDBOX:${id(number)}`,
    provider: "SANDBOX",
    account: "account_1",
    transaction: id(number),
    attempt: null,
    amount: limits.amountMinorMax,
    currency: usd,
    paidAt: placedAt,
    payer: {
      customerId: "customer_01M83R9TWY68J3CEP3R826VN3H",
      provisional: false,
      name: id(),
      identities: [
        { kind: "WALLET", value: id(), verified: true },
        { kind: "PHONE", value: "+123456789012345", verified: true },
        { kind: "EMAIL", value: id(), verified: true },
      ],
    },
    ...fields,
  },
});

/** As many turns, tries and ends as may be told of. */
function busy(life: Life): void {
  const latest = (): string => life.order.attempts.at(-1)?.id ?? "";
  for (let number = 0; number < 300; number += 1) {
    const account = `account_${1 + (number % 20)}`;
    life.tell({ kind: "extend", expiresAt: life.now + 2 * hour });
    life.tell({ kind: "begin", claimant: `browser_${"0".repeat(32)}`, account, said: entered }, life.now + hour);
    life.tell({ kind: "ended", attempt: latest(), outcome: "REFUSED", reason: unchecked(10_000) });
  }
  for (let number = 1; number <= limits.attemptsPerOrderMax; number += 1) {
    life.tell({ kind: "begin", claimant: `browser_${"0".repeat(32)}`, account: "account_20", said: entered });
    const attempt = latest();
    life.tell({ kind: "opened", attempt, reference: id() });
    life.tell({ kind: "ended", attempt, outcome: "FAILED", reason: unchecked(10_000) });
    life.tell({ kind: "ended", attempt, outcome: "CLOSED", reason: null });
  }
  for (let turn = 0; turn < 1_000; turn += 1)
    life.tell(
      { kind: "confirm", claimant: `browser_${String(turn).padStart(32, "0")}`, said: entered },
      life.now + 121 * second,
    );
  expect(life.order.claim?.former).toHaveLength(limits.claimsWithSaidMax);
  life.tell(tick, life.order.expiresAt);
  for (let time = 0; time < 1_000; time += 1) {
    life.tell({ kind: "extend", expiresAt: life.now + minute });
    life.tell(tick, life.now + minute);
  }
}
/** Every server fails as often as it is called, and says so at length; consent is given and taken back over and over. */
function failing(life: Life): void {
  life.tell({ kind: "customer", firstTime: true });
  life.tell({ kind: "released", turn: staffOf(life.order).turn });
  expect(askedPool(life.order)).not.toBeNull();
  life.tell({
    kind: "assigned",
    turn: staffOf(life.order).turn,
    pool: askedPool(life.order) ?? "",
    hold: {
      pool: longId,
      member: longId,
      name: said(limits.nameLengthMax),
      contactUrl: "x".repeat(limits.urlLengthMax),
      firm: true,
    },
  });
  for (const { key: action } of longDefinition.actions)
    for (let number = 1; number < 20; number += 1) {
      life.tell({ kind: "calling", key: action, undo: false, number }, life.now + hour);
      life.tell({ kind: "acted", key: action, undo: false, number, outcome: "FAILED", detail: unchecked(10_000) });
    }
  for (let time = 0; time < 1_000; time += 1)
    life.tell({
      kind: "consent",
      receipt: {
        purpose: "PROFILING",
        granted: time % 2 === 0,
        textVersion: said(limits.consentWordLengthMax),
        textHash: null,
        locale: "zh-Hans-CN",
        at: life.now + time,
        channel: said(limits.consentWordLengthMax),
      },
    });
}

/** Refunds that a provider tells of, under names of its own, of which it says no and then yes. */
function returnedByProvider(life: Life): void {
  for (let number = 0; number < 1_000; number += 1)
    for (const outcome of ["FAILED", "SUCCEEDED"] as const)
      life.tell({ kind: "refundHeard", refund: id(number), capture: `SANDBOX:${id(0)}`, amount: 1, outcome });
}

/** Each payment is looked at by a person and goes back, which fails at first; the last ones pay the order, twice. */
function paidAtLast(life: Life): void {
  for (let number = 0; number < limits.capturesPerOrderMax - 2; number += 1) {
    life.tell(money(number));
    life.tell(money(number, { amount: 1 }));
    const request = { call: String(number).padEnd(16, "0"), key: null, input: "0".repeat(64) };
    life.tell({ kind: "resolve", decision: "REFUND", note: unchecked(10_000), request });
    answerRefunds(life);
  }
  life.tell(money(1_000, { currency: cny, paidAt: placedAt }));
  life.tell({ kind: "resolve", decision: "HONOR", note: "" });
  life.tell({ kind: "customer", firstTime: true });
  life.tell(money(1_001, { currency: cny }));
  answerRefunds(life);
}

/** Everything after the first goes back, at the second asking. */
function paidOverAndOver(life: Life): void {
  for (let number = 0; number < 1_000; number += 1) life.tell(money(number, { currency: cny }));
  life.tell({ kind: "customer", firstTime: true });
  answerRefunds(life);
}

/** Part by part, as a person asks for it with many words. */
function returnedByPerson(life: Life): void {
  for (let number = 0; number < 1_000; number += 1) {
    const request = { call: "0123456789ABCDEF", key: String(number).padEnd(64, "0"), input: "0".repeat(64) };
    const rest = { reason: unchecked(10_000), reverseConversion: true, restock: true, request };
    life.tell({ kind: "refund", amount: 1, ...rest });
    answerRefunds(life);
  }
  life.tell(refunded(null));
  answerRefunds(life);
}

function answerRefunds(life: Life): void {
  for (const { id: refund, capture, amount, state } of life.order.refunds)
    if (state === "PENDING")
      for (const outcome of ["FAILED", "SUCCEEDED"] as const)
        life.tell({ kind: "refundHeard", refund, capture, amount, outcome });
}

describe("the longest life of an order", () => {
  it.each([
    ["whose refunds begin at its provider", [busy, returnedByProvider, paidAtLast, failing, returnedByPerson]],
    ["whose refunds are asked for by a person", [busy, paidAtLast, failing, returnedByPerson, returnedByProvider]],
    [
      "that is paid at first, and then over and over",
      [busy, paidOverAndOver, failing, returnedByProvider, returnedByPerson],
    ],
  ] as const)("%s fits into one row", (_, parts) => {
    const life = new Life(longTerms());
    for (const part of parts) part(life);
    const { order, events } = life;
    expect([order.attempts.length, order.captures.length, order.paid !== null]).toEqual([
      limits.refusedAttemptsPerOrderMax - 1 + limits.attemptsPerOrderMax,
      limits.capturesPerOrderMax,
      true,
    ]);
    expect(order.refunds.length).toBeGreaterThanOrEqual(limits.refundsPerOrderMax);
    expect(events.length).toBeGreaterThan(limits.eventsWithReopeningMax + limits.refundsPerOrderMax);
    expect(Buffer.byteLength(JSON.stringify({ order, events }))).toBeLessThan(rowBytesMax);
  });
});
