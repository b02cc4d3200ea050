CREATE TABLE `erasures` (
	`merchant_id` text NOT NULL,
	`customer_id` text NOT NULL,
	`erased_at` integer NOT NULL,
	`sequence` integer NOT NULL,
	`told_placed_at` integer NOT NULL,
	`told_order` text NOT NULL,
	`due_at` integer NOT NULL,
	PRIMARY KEY(`merchant_id`, `customer_id`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
ALTER TABLE `customers` ADD `erased_at` integer;