-- For how many milliseconds a session's entries are kept: NULL as the server is set, 0 for ever.
ALTER TABLE sessions ADD COLUMN retention BIGINT;
-- How much has been removed from the front of the log: the number of the last entry, and the last place without an event. All entries
-- up to the one and all events up to the other are gone, and the next place is that of the log's first entry.
ALTER TABLE sessions ADD COLUMN removed_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN removed_place BIGINT NOT NULL DEFAULT 0;

CREATE INDEX sessions_retention ON sessions (id) WHERE retention > 0;

-- The runs of a session's log in the order of their places, so that those that were removed are found.
CREATE INDEX feed_log ON feed (session_id, from_place) WHERE kind = 'log';
