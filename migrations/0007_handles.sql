CREATE TABLE `sent_code` (
	`sequence` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`handle` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `sent_code_handle` ON `sent_code` (`handle`,`at`);--> statement-breakpoint
CREATE INDEX `sent_code_at` ON `sent_code` (`at`);--> statement-breakpoint
ALTER TABLE `handle` ADD `released_at` integer;--> statement-breakpoint
ALTER TABLE `handle` ADD `claimant` text;--> statement-breakpoint
ALTER TABLE `handle` ADD `claim_until` integer;