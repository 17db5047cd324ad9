CREATE TABLE `rejudge_finding` (
	`run` text NOT NULL,
	`evidence` text NOT NULL,
	`account` text NOT NULL,
	`device` text NOT NULL,
	`reason` text NOT NULL,
	`state` text NOT NULL,
	PRIMARY KEY(`run`, `evidence`),
	FOREIGN KEY (`run`) REFERENCES `rejudge_run`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `rejudge_finding_evidence` ON `rejudge_finding` (`evidence`);--> statement-breakpoint
CREATE TABLE `rejudge_run` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`started_at` integer NOT NULL,
	`pass` integer NOT NULL,
	`cursor_at` integer NOT NULL,
	`cursor_id` text NOT NULL,
	`judged` integer NOT NULL,
	`unclear` integer NOT NULL
);
