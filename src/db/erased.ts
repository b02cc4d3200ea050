/** What every query says that passes over what was before a customer's erasure. */

/** When the customer was erased last, else 0. */
export const whenErased = `coalesce((SELECT erased_at FROM customers WHERE merchant_id = ?1 AND id = ?2), 0)`;

/** When an order made its customer one. `unread`: for an order that nests too deep for SQLite. */
export const convertedAt = (unread = "0"): string =>
  `iif(json_valid(orders.doc), orders.doc ->> '$.conversion.convertedAt', ${unread})`;
