-- Where several processes share the database: the number of each writer's last commit, by which it knows what became of
-- one whose answer was lost. A row is written with every commit, and nothing of it indexed but the id.
CREATE TABLE writers (
	id        BIGINT NOT NULL PRIMARY KEY,
	committed BIGINT NOT NULL,
	used_at   BIGINT NOT NULL
);
