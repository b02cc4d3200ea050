CREATE TABLE `event_subjects` (
	`merchant_id` text NOT NULL,
	`subject` text NOT NULL,
	`events_through` integer NOT NULL,
	`event_positions` text NOT NULL,
	PRIMARY KEY(`merchant_id`, `subject`)
) WITHOUT ROWID, STRICT;
