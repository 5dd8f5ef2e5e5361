CREATE TABLE meta (
	key   TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
);

CREATE TABLE sessions (
	id             TEXT    NOT NULL PRIMARY KEY,
	epoch          BIGINT  NOT NULL,
	media_mode     TEXT    NOT NULL,
	token_required BOOLEAN NOT NULL,
	created_at     BIGINT  NOT NULL,
	last_seq       BIGINT  NOT NULL DEFAULT 0,
	revision       BIGINT  NOT NULL DEFAULT 0
);

-- The sessions that a sweep may remove.
CREATE INDEX sessions_empty ON sessions (created_at) WHERE last_seq = 0 AND NOT token_required;

CREATE TABLE connections (
	id                 TEXT    NOT NULL PRIMARY KEY,
	session_id         TEXT    NOT NULL REFERENCES sessions (id),
	role               TEXT    NOT NULL,
	data               TEXT,
	guest              BOOLEAN NOT NULL,
	had_socket         BOOLEAN NOT NULL DEFAULT FALSE,
	created_at         BIGINT  NOT NULL,
	created_revision   BIGINT, -- NULL for a guest, which is in no roster
	expires_at         BIGINT, -- NULL while a socket is attached, after the end, and for a guest
	destroyed_at       BIGINT,
	destroyed_revision BIGINT,
	reason             TEXT,
	purge_at           BIGINT  -- NULL while the connection lives, and for good where it has entries
);

CREATE UNIQUE INDEX connections_created ON connections (session_id, created_revision);
CREATE UNIQUE INDEX connections_destroyed ON connections (session_id, destroyed_revision)
	WHERE destroyed_revision IS NOT NULL;
CREATE INDEX connections_live ON connections (session_id, created_revision)
	WHERE destroyed_revision IS NULL AND created_revision IS NOT NULL;
CREATE INDEX connections_expiring ON connections (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX connections_purge ON connections (purge_at) WHERE purge_at IS NOT NULL;

-- One row for each lease: a node whose lease ran out begins again with a new id, and nothing attached.
CREATE TABLE nodes (
	id          BIGINT NOT NULL PRIMARY KEY,
	name        TEXT   NOT NULL,
	lease_until BIGINT NOT NULL
);

CREATE INDEX nodes_name ON nodes (name);
CREATE INDEX nodes_lease ON nodes (lease_until);

CREATE TABLE attachments (
	connection_id TEXT   NOT NULL REFERENCES connections (id),
	node_id       BIGINT NOT NULL REFERENCES nodes (id),
	PRIMARY KEY (connection_id, node_id)
);

CREATE INDEX attachments_node ON attachments (node_id);

-- No reference to connections: the appending transaction has read its senders. A check would cost every entry a second
-- look-up, and the deletion of a connection a scan of the log.
CREATE TABLE entries (
	session_id      TEXT   NOT NULL REFERENCES sessions (id),
	seq             BIGINT NOT NULL,
	connection_id   TEXT   NOT NULL,
	body            TEXT   NOT NULL,
	idempotency_key TEXT,
	created_at      BIGINT NOT NULL,
	PRIMARY KEY (session_id, seq)
);

CREATE UNIQUE INDEX entries_key ON entries (session_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX entries_sender ON entries (session_id, connection_id, seq);
