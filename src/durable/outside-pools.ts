/** What a conversion wants of staff pools: somebody kept free while the payer decides, assigned once the money is here, and let go otherwise. */
import type { Command } from "../core/commands.ts";
import type { ConversionWork } from "../core/conversion-work.ts";
import type { Order } from "../core/order.ts";
import type { StaffPoolProtocol } from "./protocol.ts";

type StaffWork = Extract<ConversionWork, { turn: number }>;

export async function askPool(env: Env, { terms, conversion }: Order, work: StaffWork): Promise<Command> {
  const { turn } = work;
  const reservation = { order: terms.key, turn, merchantId: terms.merchant.id };
  switch (work.kind) {
    case "RESERVE": {
      const { pool } = work;
      return { kind: "reserved", turn, pool, hold: await poolOf(env, pool).reserve(reservation) };
    }
    case "RELEASE":
      await Promise.all(work.pools.map((id) => poolOf(env, id).release(reservation)));
      return { kind: "released", turn };
    case "ASSIGN": {
      const { pool } = work;
      const payer = conversion?.payer;
      const isKnown = payer && !payer.provisional && conversion.erasedAt === undefined;
      const customerId = isKnown ? payer.customerId : null;
      const assignment = { ...reservation, customerId, convertedAt: conversion?.convertedAt ?? 0 };
      return { kind: "assigned", turn, pool, hold: await poolOf(env, pool).assign(assignment) };
    }
  }
}

const poolOf = (env: Env, id: string): StaffPoolProtocol => env.STAFF_POOL.getByName(id);
