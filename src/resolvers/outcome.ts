/**
 * Outcomes as they are remembered. Orders are kept by their keys and told as they are now, as everywhere; what is known of a person is not kept
 * at all, and read when it is told again.
 */
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";

/** Begins with what no field's name begins with. */
const orderMark = "\0order";

export const packed = (value: unknown): string =>
  JSON.stringify(value, (_name, inside: unknown) => {
    if (isOrder(inside)) return { [orderMark]: inside.terms.key };
    return isPerson(inside) ? null : inside;
  });

/** Throws when an order is gone: nothing is told rather than half of it. */
export async function unpacked<T>(text: string, look: (key: OrderKey) => Promise<Order | null>): Promise<T> {
  const keys = new Set<OrderKey>();
  JSON.parse(text, (_name, inside: unknown) => {
    const key = keyIn(inside);
    if (key) keys.add(key);
    return inside;
  });
  const orders = new Map(await Promise.all([...keys].map(async (key) => [key, await look(key)] as const)));
  return JSON.parse(text, (_name, inside: unknown) => {
    const key = keyIn(inside);
    if (!key) return inside;
    const order = orders.get(key);
    if (!order) throw new Error("an order of a remembered outcome is gone");
    return order;
  }) as T;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isOrder = (value: unknown): value is Order => isMap(value) && "terms" in value && "captures" in value;
/** The read model's row of a customer. */
const isPerson = (value: unknown): boolean => isMap(value) && "identities" in value && "firstOrderKey" in value;
const keyIn = (value: unknown): OrderKey | null =>
  isMap(value) && typeof value[orderMark] === "string" ? (value[orderMark] as OrderKey) : null;
