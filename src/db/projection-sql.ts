/** The statements of a projection. Each takes its rows as one JSON array (`projected-rows.ts`). */

/** Whether the read model has this version of the order's row, or a newer one. */
const isOld = `
  EXISTS (
    SELECT 1 FROM orders
    WHERE merchant_id = told.value ->> 'merchant' AND created_at = told.value ->> 'placedAt' AND id = told.value ->> 'order'
      AND version >= told.value ->> 'version'
  )`;

/**
 * Who comes first makes the customer; everybody adds what is not known yet. A name stays once it is there. Nothing new, nothing written.
 */
export const addCustomers = `
  INSERT INTO customers (merchant_id, id, display_name, identities, tags, first_order, created_at)
  SELECT told.value ->> 'merchant', told.value ->> 'customer', told.value ->> 'name', told.value ->> 'identities', told.value ->> 'tags',
    told.value ->> 'order', told.value ->> 'at'
  FROM json_each(?1) told
  WHERE NOT ${isOld}
  ORDER BY told.key
  ON CONFLICT (merchant_id, id) DO UPDATE SET
    display_name = coalesce(customers.display_name, excluded.display_name),
    identities = (
      SELECT json_group_array(json_object('kind', kind, 'value', value, 'verified', json(iif(verified, 'true', 'false'))))
      FROM (
        SELECT value ->> 'kind' AS kind, value ->> 'value' AS value, max(value ->> 'verified') AS verified
        FROM (SELECT value FROM json_each(customers.identities) UNION ALL SELECT value FROM json_each(excluded.identities))
        GROUP BY 1, 2
      )
    ),
    tags = (
      SELECT json_group_array(value)
      FROM (SELECT value FROM json_each(customers.tags) UNION SELECT value FROM json_each(excluded.tags) ORDER BY value)
    )
  WHERE (customers.display_name IS NULL AND excluded.display_name IS NOT NULL)
    OR EXISTS (
      SELECT 1 FROM json_each(excluded.tags) added WHERE added.value NOT IN (SELECT value FROM json_each(customers.tags))
    )
    OR EXISTS (
      SELECT 1 FROM json_each(excluded.identities) added
      WHERE NOT EXISTS (
        SELECT 1 FROM json_each(customers.identities) known
        WHERE known.value ->> 'kind' = added.value ->> 'kind' AND known.value ->> 'value' = added.value ->> 'value'
          AND known.value ->> 'verified' >= added.value ->> 'verified'
      )
    )`;

/** Rows that carry a text (`WithText`). Taken apart once, because SQLite writes a row's JSON anew for each look into it. */
const withText = `
  WITH told AS MATERIALIZED (SELECT key, value -> 'row' AS row, value ->> 'text' AS text FROM json_each(?1))`;

/** One row of the log for each merchant: the events that it does not have yet, order by order. Positions have no gaps, as one transaction follows another. */
export const logEvents = `
  ${withText}
  INSERT INTO event_log (merchant_id, position, events)
  SELECT
    row ->> 'merchant',
    1 + coalesce((SELECT max(position) FROM event_log WHERE merchant_id = row ->> 'merchant'), 0),
    json_group_array(json(text) ORDER BY key)
  FROM told
  LEFT JOIN orders known
    ON known.merchant_id = row ->> 'merchant' AND known.created_at = row ->> 'placedAt' AND known.id = row ->> 'order'
  WHERE known.id IS NULL OR (known.version <= row ->> 'version' AND known.events_through < row ->> 'sequence')
  GROUP BY row ->> 'merchant'`;

/** What an order agreed to never changes, so its number and references are not written again. */
export const writeOrders = `
  ${withText}
  INSERT INTO orders (
    merchant_id, created_at, id, number, version, state, state_changes, external_reference, channel, customer_id,
    received, refunded, events_through, event_positions, doc
  )
  SELECT
    row ->> 'merchant', row ->> 'placedAt', row ->> 'order', row ->> 'number', row ->> 'version', row ->> 'state',
    row ->> 'stateChanges', row ->> 'externalReference', row ->> 'channel', row ->> 'customer', row ->> 'received',
    row ->> 'refunded', row ->> 'through',
    iif(
      row ->> 'through' > 0,
      json_array(json_array(row ->> 'through', (SELECT max(position) FROM event_log WHERE merchant_id = row ->> 'merchant'))),
      '[]'
    ),
    text
  FROM told
  WHERE true
  ON CONFLICT (merchant_id, created_at, id) DO UPDATE SET
    version = excluded.version,
    state = excluded.state,
    state_changes = excluded.state_changes,
    customer_id = excluded.customer_id,
    received = excluded.received,
    refunded = excluded.refunded,
    events_through = max(orders.events_through, excluded.events_through),
    event_positions = iif(
      excluded.events_through > orders.events_through,
      json_insert(orders.event_positions, '$[#]', json(excluded.event_positions -> 0)),
      orders.event_positions
    ),
    doc = excluded.doc
  WHERE excluded.version > orders.version
    OR (excluded.version = orders.version AND excluded.events_through > orders.events_through)`;

/** The tags that the customer's orders still give. Rare, so it may read all of them. */
export const reverseTags = `
  UPDATE customers SET tags = given.tags
  FROM (
    SELECT lost.merchant_id, lost.id, (
      SELECT json_group_array(tag)
      FROM (
        SELECT DISTINCT tag.value AS tag
        FROM orders INDEXED BY orders_customer
        CROSS JOIN json_each(iif(json_valid(orders.doc), orders.doc, '{}'), '$.conversion.actions') action
        CROSS JOIN json_each(action.value, '$.tags') tag
        WHERE orders.merchant_id = lost.merchant_id AND orders.customer_id = lost.id
          AND action.value ->> 'kind' = 'TAG_ADD' AND action.value ->> 'state' = 'DONE'
        ORDER BY 1
      )
    ) AS tags
    FROM (SELECT DISTINCT value ->> 'merchant' AS merchant_id, value ->> 'customer' AS id FROM json_each(?1)) lost
  ) given
  WHERE customers.merchant_id = given.merchant_id AND customers.id = given.id AND customers.tags <> given.tags`;

/** A customer is new with the order that made it: true also when the same is told again. */
export const newness = `
  SELECT told.value ->> 'order' AS orderKey, customers.first_order = told.value ->> 'order' AS firstTime
  FROM json_each(?1) told
  JOIN customers ON customers.merchant_id = told.value ->> 'merchant' AND customers.id = told.value ->> 'customer'`;
