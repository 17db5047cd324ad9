CREATE TABLE `certificate` (
	`serial` text PRIMARY KEY NOT NULL,
	`account` text,
	`device` text NOT NULL,
	`evidence` text,
	`not_after` integer,
	`status` text NOT NULL,
	`reason` text,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `certificate_device` ON `certificate` (`device`);--> statement-breakpoint
CREATE INDEX `certificate_account` ON `certificate` (`account`);--> statement-breakpoint
CREATE INDEX `certificate_evidence` ON `certificate` (`evidence`);--> statement-breakpoint
CREATE TABLE `challenge_use` (
	`nonce` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL,
	`request` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `challenge_use_expires` ON `challenge_use` (`expires_at`);--> statement-breakpoint
CREATE TABLE `event` (
	`sequence` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`severity` text NOT NULL,
	`actor` text,
	`subject` text,
	`reason` text,
	`reference` text,
	`request` text,
	`indexed` text,
	`previous_hash` text,
	`hash` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `event_id_unique` ON `event` (`id`);--> statement-breakpoint
CREATE INDEX `event_at` ON `event` (`at`);--> statement-breakpoint
CREATE TABLE `evidence` (
	`id` text PRIMARY KEY NOT NULL,
	`account` text,
	`device` text NOT NULL,
	`format` text NOT NULL,
	`body` blob NOT NULL,
	`verdict` text NOT NULL,
	`policy` text NOT NULL,
	`judged_at` integer NOT NULL,
	`keep_until` integer NOT NULL,
	`request` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `evidence_policy` ON `evidence` (`policy`);--> statement-breakpoint
CREATE INDEX `evidence_keep` ON `evidence` (`keep_until`);--> statement-breakpoint
CREATE TABLE `evidence_index` (
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`evidence` text NOT NULL,
	PRIMARY KEY(`kind`, `value`, `evidence`),
	FOREIGN KEY (`evidence`) REFERENCES `evidence`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `evidence_index_evidence` ON `evidence_index` (`evidence`);--> statement-breakpoint
CREATE TABLE `handle` (
	`handle` text PRIMARY KEY NOT NULL,
	`account` text NOT NULL,
	`method` text NOT NULL,
	`verified_at` integer NOT NULL,
	`request` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `handle_account` ON `handle` (`account`);--> statement-breakpoint
CREATE TABLE `list` (
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`body` blob NOT NULL,
	`fetched_at` integer NOT NULL,
	`next_update` integer,
	PRIMARY KEY(`name`, `version`)
);
--> statement-breakpoint
CREATE TABLE `policy` (
	`version` text PRIMARY KEY NOT NULL,
	`body` text NOT NULL,
	`in_force_from` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `verification` (
	`id` text PRIMARY KEY NOT NULL,
	`handle` text NOT NULL,
	`account` text NOT NULL,
	`device` text NOT NULL,
	`code` text NOT NULL,
	`expires_at` integer NOT NULL,
	`tries` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `verification_expires` ON `verification` (`expires_at`);--> statement-breakpoint
CREATE TABLE `wrong_code` (
	`sequence` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`handle` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `wrong_code_handle` ON `wrong_code` (`handle`,`at`);