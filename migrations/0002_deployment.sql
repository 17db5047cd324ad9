CREATE TABLE `deployment` (
	`id` integer PRIMARY KEY NOT NULL,
	`deployment` text NOT NULL,
	`jurisdiction` text NOT NULL
);
