/**
 * Carries out what a conversion wants done elsewhere: by a staff pool, the merchant's own server, or the customer's other orders. Answers with the
 * news of it; null when nobody answered, and then they are asked again. Never throws, and nothing on the way to PAID waits for it.
 */
import type { Command } from "../core/commands.ts";
import type { ConversionWork } from "../core/conversion-work.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { callServer, failedByUs, type Begin } from "./outside-call.ts";
import { askPool } from "./outside-pools.ts";
import { tellOrders } from "./outside-orders.ts";
import { within } from "./within.ts";

export async function carryOut(env: Env, order: Order, work: ConversionWork, begin: Begin): Promise<Command | null> {
  try {
    switch (work.kind) {
      case "CALL":
        return await callServer(env, order, work, begin);
      case "SPREAD":
        return await within(limits.ordersToldTimeoutMs, tellOrders(env, order, work));
      case "RESERVE":
      case "ASSIGN":
      case "RELEASE":
        return await within(limits.staffPoolTimeoutMs, askPool(env, order, work));
    }
  } catch (fault) {
    console.error("work of a conversion", work.kind, fault);
    return work.kind === "CALL" ? failedByUs(work) : null;
  }
}
