/**
 * The short numbers that people read to each other. A database hands them out in blocks, and this isolate keeps what is left of its blocks,
 * so that most orders ask nobody. A block that dies with its isolate leaves a gap, which harms nobody: the number is a name, not a count.
 */
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";
import { leaseOrderNumbers } from "../db/merchants.ts";
import type { Deps } from "./deps.ts";

type Block = { next: number; readonly end: number };
/** By merchant; those who placed an order longest ago are forgotten first. */
const blocks = new Recent<Block[]>(1_000);

export async function nextOrderNumber(deps: Deps, merchantId: string): Promise<string> {
  const left = blocks.get(merchantId) ?? [];
  if (left.length === 0) {
    // Requests that find nothing left each lease their own: one must not wait for what another has begun, because it may be gone.
    const first = await leaseOrderNumbers(deps.database(merchantId), merchantId, limits.orderNumberLease);
    const own = blocks.get(merchantId) ?? left;
    own.push({ next: first, end: first + limits.orderNumberLease });
    return take(merchantId, own);
  }
  return take(merchantId, left);
}

function take(merchantId: string, left: Block[]): string {
  const [block] = left;
  if (!block) throw new Error("a leased block holds a number");
  const number = block.next;
  block.next += 1;
  if (block.next === block.end) left.shift();
  blocks.set(merchantId, left);
  return String(number);
}
