-- Users whose data was erased, or connections without a user: see session.Erasure. Whom it is about is here until nothing of them is
-- left; the digest stays.
CREATE TABLE erasures (
	id            TEXT    NOT NULL PRIMARY KEY,
	kind          TEXT    NOT NULL, -- user, connection
	user_id       TEXT,
	connection_id TEXT,
	session_id    TEXT,             -- of a connection: its session; NULL where there is none
	new_id        TEXT,             -- of a guest: the id that stands in the place of its name
	through_seq   BIGINT,           -- of a guest: the newest entry that is erased
	digest        TEXT    NOT NULL,
	digest_key    TEXT    NOT NULL,
	created_at    BIGINT  NOT NULL,
	phase         TEXT    NOT NULL, -- erasing, spreading, clearing, done
	entries       BIGINT  NOT NULL DEFAULT 0,
	done_at       BIGINT,
	in_feed       BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX erasures_created ON erasures (created_at);
CREATE INDEX erasures_pending ON erasures (created_at) WHERE phase <> 'done';
CREATE INDEX erasures_beyond_feed ON erasures (done_at) WHERE phase = 'done' AND NOT in_feed;

-- The nodes that have nothing of an erasure's subject in memory any more.
CREATE TABLE erasure_nodes (
	erasure_id TEXT NOT NULL,
	node       TEXT NOT NULL,
	PRIMARY KEY (erasure_id, node)
) /*sqlite: WITHOUT ROWID :sqlite*/;

-- What a user has in all sessions. The expressions keep the indexes out of the plans of other queries.
CREATE INDEX connections_of_user ON connections ((user_id || ''), session_id) WHERE user_id IS NOT NULL;
CREATE INDEX reactions_reactor ON reactions ((reactor || ''), session_id);
CREATE INDEX read_marks_reader ON read_marks ((reader || ''), session_id);
