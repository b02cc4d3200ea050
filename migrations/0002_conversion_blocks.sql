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
ALTER TABLE `orders` ADD `points` integer DEFAULT 0 NOT NULL;
