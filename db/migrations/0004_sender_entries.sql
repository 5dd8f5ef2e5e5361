-- The entries of each sender, in place of an index on entries: see sender_index.go. The text between "sqlite:" and
-- ":sqlite" is for that engine alone.
CREATE TABLE sender_entries (
	session_id    TEXT   NOT NULL,
	connection_id TEXT   NOT NULL,
	seq           BIGINT NOT NULL,
	PRIMARY KEY (session_id, connection_id, seq)
) /*sqlite: WITHOUT ROWID :sqlite*/;

ALTER TABLE sessions ADD COLUMN indexed_seq BIGINT NOT NULL DEFAULT 0;

INSERT INTO sender_entries (session_id, connection_id, seq)
	SELECT session_id, connection_id, seq FROM entries ORDER BY session_id, connection_id, seq;
UPDATE sessions SET indexed_seq = last_seq;

DROP INDEX entries_sender;
