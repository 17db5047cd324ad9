CREATE TABLE `held_enrollment` (
	`id` text PRIMARY KEY NOT NULL,
	`request` text NOT NULL,
	`account` text NOT NULL,
	`device` text NOT NULL,
	`format` text NOT NULL,
	`state` text NOT NULL,
	`at` integer NOT NULL,
	`until` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `held_enrollment_until` ON `held_enrollment` (`until`);--> statement-breakpoint
CREATE TABLE `inventory` (
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`kind`, `value`)
);
