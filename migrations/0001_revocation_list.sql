CREATE TABLE `revocation_list` (
	`issuer` text NOT NULL,
	`number` integer NOT NULL,
	`body` blob NOT NULL,
	`digest` text NOT NULL,
	`next_update` integer NOT NULL,
	PRIMARY KEY(`issuer`, `number`)
);
--> statement-breakpoint
CREATE INDEX `event_actor` ON `event` (`actor`,`sequence`);