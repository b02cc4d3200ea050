CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`merchant_id` text NOT NULL,
	`name` text NOT NULL,
	`scopes` text NOT NULL,
	`secret_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `customers` (
	`merchant_id` text NOT NULL,
	`id` text NOT NULL,
	`display_name` text,
	`identities` text NOT NULL,
	`tags` text NOT NULL,
	`first_order` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE INDEX `customers_newest` ON `customers` (`merchant_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `event_log` (
	`merchant_id` text NOT NULL,
	`position` integer NOT NULL,
	`events` text NOT NULL,
	PRIMARY KEY(`merchant_id`, `position`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `merchants` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`slug` text NOT NULL,
	`currency` text NOT NULL,
	`locale` text NOT NULL,
	`time_zone` text NOT NULL,
	`policy` text NOT NULL,
	`next_order_number` integer DEFAULT 1001 NOT NULL,
	`created_at` integer NOT NULL
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `merchants_slug` ON `merchants` (`slug`);--> statement-breakpoint
CREATE TABLE `orders` (
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
	`events_through` integer NOT NULL,
	`event_positions` text NOT NULL,
	`doc` text NOT NULL,
	PRIMARY KEY(`merchant_id`, `created_at`, `id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE INDEX `orders_number` ON `orders` (`merchant_id`,`number`);--> statement-breakpoint
CREATE INDEX `orders_external_reference` ON `orders` (`merchant_id`,`external_reference`,`created_at`,`id`) WHERE external_reference IS NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_customer` ON `orders` (`merchant_id`,`customer_id`,`created_at`,`id`) WHERE customer_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_review` ON `orders` (`merchant_id`,`created_at`,`id`) WHERE state = 'REVIEW';--> statement-breakpoint
CREATE TABLE `payment_accounts` (
	`merchant_id` text NOT NULL,
	`id` text NOT NULL,
	`provider` text NOT NULL,
	`name` text NOT NULL,
	`enabled` integer NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `products` (
	`merchant_id` text NOT NULL,
	`id` text NOT NULL,
	`sku` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`price` integer NOT NULL,
	`currency` text NOT NULL,
	`image_url` text,
	`stock` integer,
	`archived` integer NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `id`),
	CONSTRAINT "products_never_oversold" CHECK(stock >= 0)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `products_sku` ON `products` (`merchant_id`,`sku`);--> statement-breakpoint
CREATE TABLE `stock_holds` (
	`merchant_id` text NOT NULL,
	`order_key` text NOT NULL,
	`placed_at` integer NOT NULL,
	`version` integer NOT NULL,
	`token` text NOT NULL,
	`wanted` text NOT NULL,
	`lines` text NOT NULL,
	PRIMARY KEY(`merchant_id`, `order_key`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `webhook_endpoints` (
	`merchant_id` text NOT NULL,
	`id` text NOT NULL,
	`url` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `id`)
) WITHOUT ROWID, STRICT;
