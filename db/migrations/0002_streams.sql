-- The streams that are published now. A stream is deleted when it ends.
CREATE TABLE streams (
	id               TEXT    NOT NULL PRIMARY KEY,
	session_id       TEXT    NOT NULL REFERENCES sessions (id),
	connection_id    TEXT    NOT NULL REFERENCES connections (id),
	name             TEXT,
	has_audio        BOOLEAN NOT NULL,
	has_video        BOOLEAN NOT NULL,
	video_type       TEXT    NOT NULL,
	width            BIGINT,
	height           BIGINT,
	created_at       BIGINT  NOT NULL,
	created_revision BIGINT  NOT NULL
);

CREATE UNIQUE INDEX streams_created ON streams (session_id, created_revision);
CREATE INDEX streams_connection ON streams (connection_id);

-- The changes of streams, for nodes that follow a session. The end of a connection ends its streams and is not recorded
-- here. No reference to streams and connections: a change outlives both.
CREATE TABLE stream_changes (
	session_id TEXT   NOT NULL REFERENCES sessions (id),
	revision   BIGINT NOT NULL,
	change     TEXT   NOT NULL, -- JSON
	purge_at   BIGINT NOT NULL,
	PRIMARY KEY (session_id, revision)
);

CREATE INDEX stream_changes_purge ON stream_changes (purge_at);
