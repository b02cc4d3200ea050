CREATE TABLE `action_endpoints` (
	`merchant_id` text NOT NULL,
	`kind` text NOT NULL,
	`url` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `kind`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `consents` (
	`merchant_id` text NOT NULL,
	`customer_id` text NOT NULL,
	`id` text NOT NULL,
	`purpose` text NOT NULL,
	`granted` integer NOT NULL,
	`text_version` text NOT NULL,
	`text_hash` text,
	`locale` text NOT NULL,
	`channel` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `customer_id`, `id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `conversion_blocks` (
	`merchant_id` text NOT NULL,
	`id` text NOT NULL,
	`version` integer NOT NULL,
	`name` text NOT NULL,
	`enabled` integer NOT NULL,
	`definition` text NOT NULL,
	`published_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `id`, `version`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `grants` (
	`merchant_id` text NOT NULL,
	`grant_id` text NOT NULL,
	`number` integer NOT NULL,
	`order_key` text NOT NULL,
	`key` text NOT NULL,
	`customer_id` text NOT NULL,
	`code` text,
	`name` text,
	`value` integer,
	`expires_at` integer,
	`issued_at` integer NOT NULL,
	`redeemed_at` integer,
	`redeemed_for` text,
	`reversed_at` integer,
	PRIMARY KEY(`merchant_id`, `grant_id`, `number`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `grants_order` ON `grants` (`merchant_id`,`order_key`,`key`);--> statement-breakpoint
CREATE INDEX `grants_customer` ON `grants` (`merchant_id`,`customer_id`,`grant_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `grants_code` ON `grants` (`merchant_id`,`code`) WHERE code IS NOT NULL;--> statement-breakpoint
CREATE TABLE `points_spent` (
	`merchant_id` text NOT NULL,
	`customer_id` text NOT NULL,
	`reference` text NOT NULL,
	`points` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `customer_id`, `reference`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `staff_pools` (
	`merchant_id` text NOT NULL,
	`id` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
ALTER TABLE `customers` ADD `own_tags` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `customers` ADD `tier` text;--> statement-breakpoint
ALTER TABLE `customers` ADD `tier_at` integer;--> statement-breakpoint
ALTER TABLE `customers` ADD `staff` text;--> statement-breakpoint
ALTER TABLE `customers` ADD `staff_at` integer;--> statement-breakpoint
ALTER TABLE `merchants` ADD `block_id` text;--> statement-breakpoint
CREATE TABLE `orders_with_points` (
	`merchant_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`id` text NOT NULL,
	`number` text NOT NULL,
	`version` integer NOT NULL,
	`state` text NOT NULL,
	`state_changes` text NOT NULL,
	`external_reference` text,
	`channel` text,
	`customer_id` text,
	`received` integer NOT NULL,
	`refunded` integer NOT NULL,
	`points` integer DEFAULT 0 NOT NULL,
	`events_through` integer NOT NULL,
	`event_positions` text NOT NULL,
	`doc` text NOT NULL,
	PRIMARY KEY(`merchant_id`, `created_at`, `id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
INSERT INTO `orders_with_points` (merchant_id, created_at, id, number, version, state, state_changes, external_reference, channel, customer_id, received, refunded, events_through, event_positions, doc) SELECT merchant_id, created_at, id, number, version, state, state_changes, external_reference, channel, customer_id, received, refunded, events_through, event_positions, doc FROM `orders`;--> statement-breakpoint
DROP TABLE `orders`;--> statement-breakpoint
ALTER TABLE `orders_with_points` RENAME TO `orders`;--> statement-breakpoint
CREATE INDEX `orders_number` ON `orders` (`merchant_id`,`number`);--> statement-breakpoint
CREATE INDEX `orders_external_reference` ON `orders` (`merchant_id`,`external_reference`,`created_at`,`id`) WHERE external_reference IS NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_customer` ON `orders` (`merchant_id`,`customer_id`,`created_at`,`id`) WHERE customer_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_review` ON `orders` (`merchant_id`,`created_at`,`id`) WHERE state = 'REVIEW';
