-- Settings of a session; how long somebody is banned from it at most; the connection by which the server acts in it.
ALTER TABLE sessions ADD COLUMN slow_mode BIGINT NOT NULL DEFAULT 0; -- milliseconds; 0 for none
ALTER TABLE sessions ADD COLUMN settings_revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN banned_until BIGINT NOT NULL DEFAULT 0; -- the latest end of its bans
ALTER TABLE sessions ADD COLUMN server_connection TEXT; -- NULL until it is needed

-- A digest of the client's address, by which connections without a user are banned.
ALTER TABLE connections ADD COLUMN origin BIGINT;

-- The connections of a user: a ban ends them, and a deletion of all its entries goes through theirs.
CREATE INDEX connections_user ON connections (session_id, user_id) WHERE user_id IS NOT NULL;

-- No reference to sessions and connections, here and below, which nodes of earlier versions remove without knowing this table.
CREATE TABLE bans (
	id            TEXT   NOT NULL PRIMARY KEY,
	session_id    TEXT   NOT NULL,
	user_id       TEXT,
	origin        BIGINT, -- NULL where a user is banned; both are NULL where nobody is kept out
	connection_id TEXT   NOT NULL,
	moderator_id  TEXT   NOT NULL,
	created_at    BIGINT NOT NULL,
	until         BIGINT NOT NULL
);

CREATE UNIQUE INDEX bans_user ON bans (session_id, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX bans_origin ON bans (session_id, origin) WHERE origin IS NOT NULL;
CREATE INDEX bans_session ON bans (session_id, created_at);
CREATE INDEX bans_until ON bans (until);
-- Connections that bans name are kept.
CREATE INDEX bans_connection ON bans (connection_id);
CREATE INDEX bans_moderator ON bans (moderator_id);

-- How far users have read, and when they last posted. A reader is a user, "u" and its id, or, where only the time of the last
-- post counts, a connection without a user, "c" and its id.
CREATE TABLE read_marks (
	session_id TEXT   NOT NULL,
	reader     TEXT   NOT NULL,
	place      BIGINT NOT NULL,
	seq        BIGINT NOT NULL, -- how many entries were added up to that place
	posted_at  BIGINT,          -- NULL where it has not posted
	purge_at   BIGINT,          -- NULL for a user
	PRIMARY KEY (session_id, reader)
) /*sqlite: WITHOUT ROWID :sqlite*/;

CREATE INDEX read_marks_purge ON read_marks (purge_at) WHERE purge_at IS NOT NULL;

-- The schema that a node knows; NULL for nodes of versions that know no bans, no slow mode and no changes of entries.
ALTER TABLE nodes ADD COLUMN schema_version BIGINT;

-- Once an entry may have been changed, a node that knows no changes can't add entries: see fence.go. The state is none that such
-- a node takes for the fault of one entry, so its clients are told to try again.
/*postgres:
CREATE FUNCTION refuse_older_node() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM meta WHERE key = 'changing') THEN
		RAISE EXCEPTION 'this node is of a version that does not know changes of entries' USING ERRCODE = '55000';
	END IF;
	RETURN NEW;
END $$;

CREATE TRIGGER entries_of_older_nodes BEFORE INSERT ON entries
	FOR EACH ROW WHEN (NEW.changes_before IS NULL) EXECUTE FUNCTION refuse_older_node();
:postgres*/
