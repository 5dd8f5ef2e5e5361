-- Settings of a session that its backend makes.
ALTER TABLE sessions ADD COLUMN data TEXT;
ALTER TABLE sessions ADD COLUMN read_only BOOLEAN NOT NULL DEFAULT FALSE;

-- The connections by which the server acts in a session for the holder of the API secret, beside its own: an actor is a bot, "n" and
-- its name, or a user, "u" and its id. No reference to sessions, which nodes of earlier versions remove without knowing this table.
CREATE TABLE service_connections (
	session_id    TEXT NOT NULL,
	actor         TEXT NOT NULL,
	connection_id TEXT NOT NULL,
	PRIMARY KEY (session_id, actor)
) /*sqlite: WITHOUT ROWID :sqlite*/;

-- When the session was deleted; NULL where it was not. Its rows are removed a few at a time, and its own row last.
ALTER TABLE sessions ADD COLUMN deleted_at BIGINT;

CREATE INDEX sessions_deleted ON sessions (deleted_at) WHERE deleted_at IS NOT NULL;

-- The ids of deleted sessions, which nobody but the holder of the API secret makes again.
CREATE TABLE deleted_sessions (
	id         TEXT   NOT NULL PRIMARY KEY,
	epoch      BIGINT NOT NULL,
	deleted_at BIGINT NOT NULL
);
