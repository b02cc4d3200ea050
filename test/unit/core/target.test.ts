/** Where the code leads once it is paid: the first rule that can be kept, never a guess, and never to another place afterwards. */
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/core/commands.ts";
import type { Target } from "../../../src/core/conversion.ts";
import type { ConversionAction, ConversionDefinition, TargetRule } from "../../../src/core/definition.ts";
import { benefit, captured, Life, refunded, refundNumber, returned, terms } from "./sample.ts";

const invite: ConversionAction = {
  key: "invite",
  kind: "GROUP_INVITE",
  groups: [{ name: "first", url: "https://group.example/1", capacity: 2 }],
  onRefund: "KEEP",
};
const cup: ConversionAction = { key: "cup", kind: "COUPON_GRANT", name: "Cup", value: "5.00", onRefund: "REVERSE" };
const scarce: ConversionAction = { ...cup, key: "scarce", limit: { total: 3 } };
const tag: ConversionAction = { key: "tag", kind: "TAG_ADD", tags: ["tea"], onRefund: "KEEP" };
const elsewhere: TargetRule = { kind: "URL", url: benefit };
const receipt: Target = { kind: "RECEIPT" };

const paid = (targets: readonly TargetRule[], fields: Partial<ConversionDefinition> = {}): Life => {
  const definition = { actions: [], ...fields, targets };
  const life = new Life(terms({}, { countsStock: false, block: { id: "block_1", version: 1, definition } }));
  life.tell(captured("A"));
  return life;
};
/** And whether that stands. */
const leads = ({ order: { conversion } }: Life) => [conversion?.target, conversion?.decided];
const granted = (...grants: readonly { readonly key: string; readonly number: number | null }[]): Command => ({
  kind: "customer",
  firstTime: true,
  grants,
});
const assigned = (contactUrl: string | null): Command => ({
  kind: "assigned",
  turn: 1,
  pool: "pool_1",
  hold: { pool: "pool_1", member: "staff_1", name: "Mei", contactUrl, firm: true },
});

describe("a paid code", () => {
  it("leads by the first rule that fits: to a receipt where that says so, or where none does", () => {
    const never = { when: { amountAtLeast: "500.00" } };
    expect(leads(paid([{ kind: "RECEIPT" }, elsewhere]))).toEqual([receipt, true]);
    expect(leads(paid([{ kind: "RECEIPT", ...never }, elsewhere]))).toEqual([elsewhere, true]);
    expect(leads(paid([{ ...elsewhere, ...never }]))).toEqual([receipt, true]);
    expect(leads(paid([]))).toEqual([receipt, true]);
  });

  it("does not pass over a rule that may still fit, and moves no more once it is decided", () => {
    const life = paid([{ kind: "RECEIPT", when: { segment: "RETURNING" } }, elsewhere]);
    expect(leads(life)).toEqual([receipt, false]);
    life.tell(granted());
    expect(leads(life)).toEqual([elsewhere, true]);
    const holder = paid([{ kind: "COUPON" }, elsewhere], { actions: [cup] });
    holder.tell(refunded(null));
    holder.tell(returned(refundNumber(1), "A"));
    holder.tell(granted());
    expect(holder.order.conversion?.actions).toMatchObject([{ state: "REVERSED" }]);
    expect(leads(holder)).toEqual([{ kind: "COUPON", url: null }, true]);
  });

  it("leads into the group as soon as the place in it is granted, and further where all are full", () => {
    const actions = [tag, invite];
    const life = paid([{ kind: "GROUP" }, elsewhere], { actions });
    expect(leads(life)).toEqual([receipt, false]);
    life.tell(granted({ key: "invite", number: 1 }));
    expect(leads(life)).toEqual([{ kind: "GROUP", url: "https://group.example/1" }, true]);
    const full = paid([{ kind: "GROUP" }, elsewhere], { actions });
    full.tell(granted({ key: "invite", number: null }));
    expect(leads(full)).toEqual([elsewhere, true]);
    expect(leads(paid([{ kind: "GROUP" }, elsewhere], { actions: [tag, scarce] }))).toEqual([elsewhere, true]);
  });

  it("leads to the coupons when one is there, waits while one may come, and leads further when none is left", () => {
    const coupons: Target = { kind: "COUPON", url: null };
    expect(leads(paid([{ kind: "COUPON" }, elsewhere], { actions: [tag, scarce, cup] }))).toEqual([coupons, true]);
    expect(leads(paid([{ kind: "COUPON" }, elsewhere], { actions: [tag, invite] }))).toEqual([elsewhere, true]);
    const other: ConversionAction = { ...scarce, key: "other" };
    const ends = [1, null].map((number) => {
      const life = paid([{ kind: "COUPON" }, elsewhere], { actions: [scarce, tag, other] });
      expect(leads(life)).toEqual([receipt, false]);
      life.tell(granted({ key: "scarce", number: null }));
      expect(leads(life)).toEqual([receipt, false]);
      life.tell(granted({ key: "other", number }));
      return leads(life);
    });
    expect(ends).toEqual([
      [coupons, true],
      [elsewhere, true],
    ]);
  });

  it("leads to whoever looks after the customer, and further where that is nobody or has no address", () => {
    const url = "https://mei.example";
    const ends = [assigned(url), assigned(null), { ...assigned(url), hold: null } as Command].map((told) => {
      const life = paid([{ kind: "STAFF_CONTACT" }, elsewhere], { actions: [invite], assignment: { pool: "pool_1" } });
      expect(leads(life)).toEqual([receipt, false]);
      life.tell(told);
      return leads(life);
    });
    expect(ends).toEqual([
      [{ kind: "STAFF_CONTACT", url }, true],
      [elsewhere, true],
      [elsewhere, true],
    ]);
    expect(leads(paid([{ kind: "STAFF_CONTACT" }, elsewhere], { actions: [invite] }))).toEqual([elsewhere, true]);
  });
});
