CREATE TABLE `erasure` (
	`account` text PRIMARY KEY NOT NULL,
	`requested_at` integer NOT NULL,
	`done_at` integer
);
