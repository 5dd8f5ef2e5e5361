-- The bytes of a session's entries that count to its quota: see session.ChatEntry.QuotaBytes.
ALTER TABLE sessions ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;

UPDATE sessions SET bytes = stored.bytes FROM (
	SELECT session_id, sum(128 + octet_length(body) + coalesce(octet_length(idempotency_key), 0)) AS bytes
	FROM entries GROUP BY session_id
) AS stored WHERE sessions.id = stored.session_id;

-- The holders whose number of live connections is limited: digests of session tokens and of clients' addresses. A row is
-- deleted when its connection ends. No reference to connections, which nodes of earlier versions purge without knowing
-- this table.
CREATE TABLE connection_holders (
	holder        BIGINT NOT NULL,
	connection_id TEXT   NOT NULL,
	PRIMARY KEY (holder, connection_id)
) /*sqlite: WITHOUT ROWID :sqlite*/;

CREATE INDEX connection_holders_connection ON connection_holders (connection_id);

-- Lists of connections begin with connections that have a socket.
CREATE INDEX connections_attached ON connections (session_id, created_revision)
	WHERE destroyed_revision IS NULL AND created_revision IS NOT NULL AND expires_at IS NULL;
CREATE INDEX connections_detached ON connections (session_id, created_revision)
	WHERE destroyed_revision IS NULL AND created_revision IS NOT NULL AND expires_at IS NOT NULL;
