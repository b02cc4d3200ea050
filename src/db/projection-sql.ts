/** The statements of a projection. Each takes its rows as one JSON array (`projected-rows.ts`). */
import { convertedAt } from "./erased.ts";

/** Whether the read model has this version of the order's row, or a newer one. */
const isOld = `
  EXISTS (
    SELECT 1 FROM orders
    WHERE merchant_id = told.value ->> 'merchant' AND created_at = told.value ->> 'placedAt' AND id = told.value ->> 'order'
      AND version >= told.value ->> 'version'
  )`;

/** What a person took away stays away, whatever an order gives. */
const removedTags = `SELECT own.key FROM json_each(customers.own_tags) own WHERE own.value = 0`;
const isLater = (column: string): string =>
  `(excluded.${column} IS NOT NULL AND excluded.${column} > coalesce(customers.${column}, 0))`;

/**
 * Who comes first makes the customer; everybody adds what is not known yet. A name stays once it is there. Nothing new, nothing written; and nothing
 * from before an erasure.
 */
export const addCustomers = `
  INSERT INTO customers (merchant_id, id, display_name, identities, tags, first_order, created_at, tier, tier_at, staff, staff_at)
  SELECT told.value ->> 'merchant', told.value ->> 'customer', told.value ->> 'name', told.value ->> 'identities', told.value ->> 'tags',
    told.value ->> 'order', told.value ->> 'at',
    told.value ->> 'tier', iif(told.value ->> 'tier' IS NULL, NULL, told.value ->> 'at'),
    told.value ->> 'staff', iif(told.value ->> 'staff' IS NULL, NULL, told.value ->> 'at')
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
      FROM (
        SELECT value FROM json_each(customers.tags)
        UNION SELECT value FROM json_each(excluded.tags) WHERE value NOT IN (${removedTags})
        ORDER BY value
      )
    ),
    tier = iif(${isLater("tier_at")}, excluded.tier, customers.tier),
    tier_at = iif(${isLater("tier_at")}, excluded.tier_at, customers.tier_at),
    staff = iif(${isLater("staff_at")}, excluded.staff, customers.staff),
    staff_at = iif(${isLater("staff_at")}, excluded.staff_at, customers.staff_at)
  WHERE excluded.created_at > coalesce(customers.erased_at, 0) AND (
    (customers.display_name IS NULL AND excluded.display_name IS NOT NULL)
    OR ${isLater("tier_at")}
    OR ${isLater("staff_at")}
    OR EXISTS (
      SELECT 1 FROM json_each(excluded.tags) added
      WHERE added.value NOT IN (SELECT value FROM json_each(customers.tags)) AND added.value NOT IN (${removedTags})
    )
    OR EXISTS (
      SELECT 1 FROM json_each(excluded.identities) added
      WHERE NOT EXISTS (
        SELECT 1 FROM json_each(customers.identities) known
        WHERE known.value ->> 'kind' = added.value ->> 'kind' AND known.value ->> 'value' = added.value ->> 'value'
          AND known.value ->> 'verified' >= added.value ->> 'verified'
      )
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
    received, refunded, points, events_through, event_positions, doc
  )
  SELECT
    row ->> 'merchant', row ->> 'placedAt', row ->> 'order', row ->> 'number', row ->> 'version', row ->> 'state',
    row ->> 'stateChanges', row ->> 'externalReference', row ->> 'channel', row ->> 'customer', row ->> 'received',
    row ->> 'refunded', row ->> 'points', row ->> 'through',
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
    points = excluded.points,
    events_through = max(orders.events_through, excluded.events_through),
    event_positions = iif(
      excluded.events_through > orders.events_through,
      json_insert(orders.event_positions, '$[#]', json(excluded.event_positions -> 0)),
      orders.event_positions
    ),
    doc = excluded.doc
  WHERE excluded.version > orders.version
    OR (excluded.version = orders.version AND excluded.events_through > orders.events_through)`;

/** The tags that the customer's orders still give, with a person's own. Rare, so it may read all of them. */
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
          AND ${convertedAt()} > coalesce(lost.erased_at, 0)
          AND tag.value NOT IN (SELECT key FROM json_each(lost.own_tags) WHERE value = 0)
        UNION SELECT key FROM json_each(lost.own_tags) WHERE value = 1
        ORDER BY 1
      )
    ) AS tags
    FROM (SELECT DISTINCT value ->> 'merchant' AS merchant_id, value ->> 'customer' AS id FROM json_each(?1)) told
    JOIN customers lost USING (merchant_id, id)
  ) given
  WHERE customers.merchant_id = given.merchant_id AND customers.id = given.id AND customers.tags <> given.tags`;

/** The latest tier that an order still gives, where the one that stands was given by an order that lost it. */
export const reverseTiers = `
  UPDATE customers SET (tier, tier_at) = (
    SELECT action.value ->> 'tier', ${convertedAt()}
    FROM orders INDEXED BY orders_customer
    CROSS JOIN json_each(iif(json_valid(orders.doc), orders.doc, '{}'), '$.conversion.actions') action
    WHERE orders.merchant_id = customers.merchant_id AND orders.customer_id = customers.id
      AND action.value ->> 'kind' = 'TIER_SET' AND action.value ->> 'state' = 'DONE'
      AND ${convertedAt()} > coalesce(customers.erased_at, 0)
    ORDER BY 2 DESC
    LIMIT 1
  )
  WHERE (merchant_id, id, tier_at) IN (
    SELECT value ->> 'merchant', value ->> 'customer', value ->> 'at' FROM json_each(?1)
  )`;

/**
 * Coupons, places and purchases get their numbers, one after the other. A number beyond the total is nobody's, and neither is one beyond what a
 * customer may have. Who asks again has theirs already. Numbers are not given back: a limit counts what was granted.
 */
export const issueGrants = `
  WITH told AS MATERIALIZED (
    SELECT
      wish.key AS place, wish.value AS row, wish.value ->> 'merchant' AS merchant, wish.value ->> 'grant' AS granted,
      wish.value ->> 'order' AS order_key, wish.value ->> 'customer' AS customer
    FROM json_each(?1) wish
    WHERE NOT EXISTS (
      SELECT 1 FROM grants
      WHERE merchant_id = wish.value ->> 'merchant' AND order_key = wish.value ->> 'order' AND key = wish.value ->> 'key'
    )
  ),
  fitting AS (
    SELECT told.*,
      row_number() OVER (PARTITION BY merchant, granted, customer ORDER BY place) + (
        SELECT count(*) FROM grants
        WHERE merchant_id = merchant AND customer_id = customer AND grant_id = granted
      ) AS of_customer
    FROM told
  ),
  numbered AS (
    SELECT fitting.*,
      row_number() OVER (PARTITION BY merchant, granted ORDER BY place) + max(
        coalesce((SELECT max(number) FROM grants WHERE merchant_id = merchant AND grant_id = granted), 0),
        iif(
          row ->> 'countsOrders',
          (SELECT count(*) FROM orders INDEXED BY orders_customer WHERE merchant_id = merchant AND customer_id = customer),
          0
        )
      ) AS number
    FROM fitting
    WHERE row ->> 'perCustomer' IS NULL OR of_customer <= row ->> 'perCustomer'
  )
  INSERT INTO grants (merchant_id, grant_id, number, order_key, key, customer_id, code, name, value, expires_at, issued_at)
  SELECT merchant, granted, number, order_key, row ->> 'key', customer, row ->> 'code', row ->> 'name', row ->> 'value',
    row ->> 'expiresAt', row ->> 'at'
  FROM numbered
  WHERE row ->> 'total' IS NULL OR number <= row ->> 'total'
  ON CONFLICT DO NOTHING`;

/** What was used stays used: then the order is told. A coupon that an erasure voided stays void. */
export const settleGrants = `
  UPDATE grants SET reversed_at = standing.reversed_at
  FROM (
    SELECT told.value ->> 'merchant' AS merchant_id, told.value ->> 'order' AS order_key, told.value ->> 'key' AS key,
      told.value ->> 'reversedAt' AS reversed_at
    FROM json_each(?1) told
    WHERE NOT ${isOld}
  ) standing
  WHERE grants.merchant_id = standing.merchant_id AND grants.order_key = standing.order_key AND grants.key = standing.key
    AND (grants.reversed_at IS NULL) <> (standing.reversed_at IS NULL)
    AND (standing.reversed_at IS NOT NULL OR grants.code IS NOT NULL)`;

/** Coupons of orders that have forgotten their customer are worth nothing, and nobody finds them by their code; the numbers stay given out. */
export const voidCoupons = `
  UPDATE grants SET code = NULL, redeemed_for = NULL, reversed_at = coalesce(reversed_at, erased.at)
  FROM (
    SELECT value ->> 'merchant' AS merchant_id, value ->> 'order' AS order_key, value ->> 'at' AS at FROM json_each(?1)
  ) erased
  WHERE grants.merchant_id = erased.merchant_id AND grants.order_key = erased.order_key AND grants.code IS NOT NULL`;

/**
 * An order that has found out by itself is put back on the list, or on a list made anew, when the read model first hears of it: whoever goes through
 * the customer's orders looks after what partners keep of it. It may come after all the others were done.
 */
export const resumeErasures = `
  INSERT INTO erasures (merchant_id, customer_id, erased_at, sequence, told_placed_at, told_order, due_at)
  SELECT customers.merchant_id, customers.id, customers.erased_at, 0,
    min(alone.value ->> 'placedAt') - 1, '', customers.erased_at
  FROM json_each(?1) alone
  JOIN customers ON customers.merchant_id = alone.value ->> 'merchant' AND customers.id = alone.value ->> 'customer'
  WHERE customers.erased_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM orders
    WHERE merchant_id = alone.value ->> 'merchant' AND created_at = alone.value ->> 'placedAt' AND orders.id = alone.value ->> 'order'
      AND iif(json_valid(doc), doc ->> '$.conversion.erasedAt' > 0, version >= alone.value ->> 'version')
  )
  GROUP BY customers.merchant_id, customers.id
  ON CONFLICT (merchant_id, customer_id) DO UPDATE SET
    told_placed_at = min(erasures.told_placed_at, excluded.told_placed_at), told_order = ''`;

/** What is claimed at an order that has not heard of its customer's erasure begins nothing anew. */
export const addConsents = `
  INSERT INTO consents (merchant_id, customer_id, id, purpose, granted, text_version, text_hash, locale, channel, at)
  SELECT value ->> 'merchant', value ->> 'customer', value ->> 'id', value ->> 'purpose', value ->> 'granted', value ->> 'textVersion',
    value ->> 'textHash', value ->> 'locale', value ->> 'channel', value ->> 'at'
  FROM json_each(?1) told
  WHERE NOT EXISTS (
    SELECT 1 FROM customers
    WHERE customers.merchant_id = told.value ->> 'merchant' AND customers.id = told.value ->> 'customer'
      AND customers.erased_at >= told.value ->> 'convertedAt' AND customers.erased_at < told.value ->> 'at'
  )
  ON CONFLICT (merchant_id, customer_id, id) DO NOTHING`;

/** What a customer said last on each purpose, after that moment; of two words of one moment, the no. */
export const standingConsents = (merchant: string, customer: string, after: string): string => `
  SELECT json_group_array(json_object('purpose', purpose, 'granted', json(iif(granted, 'true', 'false')), 'at', at)) FROM (
    SELECT purpose, granted, at, row_number() OVER (PARTITION BY purpose ORDER BY at DESC, granted) AS back
    FROM consents WHERE merchant_id = ${merchant} AND customer_id = ${customer} AND at > ${after}
  )
  WHERE back = 1`;

/**
 * What the read model answers an order whose conversion asks. A customer is new with the order that made it: true also when the same is told
 * again. The balance counts what this order grants by now, before its row says so.
 */
export const answers = `
  SELECT
    told.value ->> 'order' AS orderKey,
    customers.first_order = told.value ->> 'order' AS firstTime,
    (SELECT number FROM grants WHERE merchant_id = customers.merchant_id AND order_key = told.value ->> 'order' AND key = '') AS nth,
    (${standingConsents("customers.merchant_id", "customers.id", "coalesce(customers.erased_at, 0)")}) AS words,
    (
      SELECT json_group_array(json_object('key', key, 'number', number, 'redeemed', redeemed_at IS NOT NULL))
      FROM grants INDEXED BY grants_order
      WHERE merchant_id = customers.merchant_id AND order_key = told.value ->> 'order' AND key > ''
    ) AS grants,
    iif(
      told.value ->> 'checksPoints',
      told.value ->> 'points' + (
        SELECT coalesce(sum(points), 0) FROM orders INDEXED BY orders_customer
        WHERE merchant_id = customers.merchant_id AND customer_id = customers.id AND id <> told.value ->> 'order'
      ) - (
        SELECT coalesce(sum(points), 0) FROM points_spent WHERE merchant_id = customers.merchant_id AND customer_id = customers.id
      ),
      NULL
    ) AS balance,
    iif(customers.erased_at >= told.value ->> 'at', customers.erased_at, NULL) AS erasedAt
  FROM json_each(?1) told
  JOIN customers ON customers.merchant_id = told.value ->> 'merchant' AND customers.id = told.value ->> 'customer'`;
