-- Where several processes share the database: the number of each writer's last commit, by which the writer finds out the
-- outcome of a commit whose answer was lost. A row is updated with every commit, and only its id is indexed.
CREATE TABLE writers (
	id        BIGINT NOT NULL PRIMARY KEY,
	committed BIGINT NOT NULL,
	used_at   BIGINT NOT NULL
);
