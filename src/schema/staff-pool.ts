import { limits } from "../core/limits.ts";
import type { Strategy } from "../core/rotation.ts";
import type { StaffHold } from "../core/staff-hold.ts";
import { ok } from "../core/result.ts";
import { hasStaffPool, listStaffPools } from "../db/staff-pools.ts";
import type { MemberSummary, PoolSummary } from "../durable/protocol.ts";
import { saveStaffPool } from "../resolvers/save-staff-pool.ts";
import { builder, shape } from "./builder.ts";
import { callerOf, merchantOf, seesPeople, type GraphContext } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { mutation } from "./mutation.ts";
import { findable, Node } from "./node.ts";
import { Merchant, StaffMember, StaffPool } from "./nouns.ts";

const StaffStrategy = describedEnum<Strategy>("StaffStrategy", "Whose turn it is.", {
  SMOOTH_WEIGHTED: "By weight, evenly: nobody is ever a whole turn away from their share.",
  LEAST_LOADED: "Who has had the fewest today for their weight.",
  SEQUENTIAL: "One after the other, whatever their weights.",
  RANDOM: "By chance, weighted.",
  STICKY_FIRST: "A returning customer's own, if they are free; else by weight, evenly.",
});

/** Whoever may replace a pool's members must be able to read what is there, or saving them again would lose it. */
const seesContacts = (context: GraphContext): boolean =>
  seesPeople(context) || callerOf(context).scopes.has("CONVERSIONS_WRITE");

StaffMember.implement({
  description: "Somebody who looks after customers.",
  authScopes: { merchant: true },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`staff_…`" }),
    name: t.exposeString("name", { description: "What the customer reads." }),
    contactUrl: t.field({
      type: "URL",
      nullable: true,
      description:
        "Where the customer reaches them. Null unless the key has CUSTOMERS_READ, or CONVERSIONS_WRITE, which sets it.",
      resolve: ({ contactUrl }, _args, context) => (seesContacts(context) ? contactUrl : null),
    }),
    weight: t.exposeInt("weight", { description: "Their share, against the others'." }),
    dailyCap: t.exposeInt("dailyCap", {
      nullable: true,
      description: "At most so many a day, by the merchant's clock.",
    }),
    totalCap: t.exposeInt("totalCap", { nullable: true, description: "At most so many in all." }),
    online: t.exposeBoolean("online", { description: "Whether they get anybody at all." }),
    assignedToday: t.exposeInt("assignedToday", { description: "How many they got today." }),
    assignedTotal: t.exposeInt("assignedTotal", { description: "How many they got in all." }),
  }),
});

StaffPool.implement({
  description: "Staff who share the work. Whose turn it is is decided by payments, not by views.",
  interfaces: [Node],
  authScopes: { merchant: true },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`pool_…`" }),
    name: t.exposeString("name", { description: "What the merchant calls it." }),
    strategy: t.field({ type: StaffStrategy, description: "Whose turn it is.", resolve: ({ strategy }) => strategy }),
    members: t.field({ type: [StaffMember], description: "Who is in it.", resolve: ({ members }) => members }),
  }),
});
findable("pool", {
  typeName: StaffPool.name,
  anyOf: [],
  load: async ({ deps }, { merchant }, id) =>
    (await hasStaffPool(deps.database(merchant.id), merchant.id, id)) ? deps.pool(id).summary(merchant.id) : null,
});

builder.objectField(Merchant, "staffPools", (t) =>
  t.field({
    type: [StaffPool],
    authScopes: { merchant: true },
    description: `The merchant's staff pools, oldest first; at most ${limits.staffPoolsPerMerchantMax}.`,
    resolve: async ({ id }, _args, { deps }) => {
      const ids = await listStaffPools(deps.database(id), id, limits.staffPoolsPerMerchantMax);
      const pools = await Promise.all(ids.map((pool) => deps.pool(pool).summary(id)));
      return pools.filter((pool) => pool !== null);
    },
  }),
);

/** The member as they are now; who has left the pool is known by what the order kept. */
export async function staffMemberOf(context: GraphContext, staff: StaffHold): Promise<MemberSummary> {
  const pool: PoolSummary | null = await context.deps.pool(staff.pool).summary(merchantOf(context).id);
  const { member: id, name, contactUrl } = staff;
  const gone = {
    weight: 1,
    dailyCap: null,
    totalCap: null,
    online: false,
    schedule: [],
    assignedToday: 0,
    assignedTotal: 0,
  };
  return pool?.members.find((member) => member.id === id) ?? { id, name, contactUrl, ...gone };
}

mutation("staffPoolSave", {
  description: "Makes a staff pool, or replaces who is in it. What everybody has had so far stays.",
  needs: "CONVERSIONS_WRITE",
  input: builder.inputType("StaffPoolSaveInput", {
    description: "Who shares the work, and how.",
    fields: (t) => ({
      staffPoolId: t.id({ description: "Which pool; a new one unless given." }),
      name: t.string({ required: true, description: "What you call it." }),
      strategy: t.field({ type: StaffStrategy, required: true, description: "Whose turn it is." }),
      members: t.field({
        type: [
          builder.inputType("StaffMemberInput", {
            description: "Somebody who looks after customers.",
            fields: (f) => ({
              id: f.id({ description: "Whose counts go on; somebody new unless given." }),
              name: f.string({ required: true, description: "What the customer reads." }),
              contactUrl: f.field({ type: "URL", description: "Where the customer reaches them." }),
              weight: f.int({ defaultValue: 1, description: `Their share, 1 to ${limits.staffWeightMax}.` }),
              dailyCap: f.int({ description: "At most so many a day, by your clock." }),
              totalCap: f.int({ description: "At most so many in all." }),
              online: f.boolean({ defaultValue: true, description: "Whether they get anybody at all." }),
              schedule: f.field({
                type: "JSON",
                description:
                  'When they work, such as `[{ "days": ["MON"], "from": "09:00", "until": "18:00" }]`; always unless given.',
              }),
            }),
          }),
        ],
        required: true,
        description: `At most ${limits.membersPerPoolMax}.`,
      }),
    }),
  }),
  success: builder.objectRef<{ staffPool: PoolSummary }>("StaffPoolSaveSuccess").implement({
    description: "It is saved.",
    ...shape,
    fields: (t) => ({
      staffPool: t.field({ type: StaffPool, description: "The pool.", resolve: ({ staffPool }) => staffPool }),
    }),
  }),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: async ({ members, ...input }, context) => {
    const saved = await saveStaffPool(context.deps, merchantOf(context), {
      ...input,
      members: members.map((member) => ({ ...member, weight: member.weight ?? 1, online: member.online ?? true })),
    });
    return saved.ok ? ok({ staffPool: saved.value }) : saved;
  },
});
