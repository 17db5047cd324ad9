CREATE TABLE `endorsement_use` (
	`endorsement` text NOT NULL,
	`device` text NOT NULL,
	`until` integer NOT NULL,
	`allowed` integer NOT NULL,
	PRIMARY KEY(`endorsement`, `device`)
);
--> statement-breakpoint
CREATE INDEX `endorsement_use_device` ON `endorsement_use` (`device`);--> statement-breakpoint
CREATE TABLE `key_owner` (
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`account` text NOT NULL,
	PRIMARY KEY(`kind`, `value`)
);
