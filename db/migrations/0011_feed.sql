-- The feed of all sessions' events: see session.FeedEvent. A row is a run of consecutive places, which one session's events have one
-- after another. No reference to sessions, here and below: the deletion of a session is an event too.
CREATE TABLE feed (
	first_place BIGINT NOT NULL PRIMARY KEY,
	last_place  BIGINT NOT NULL,
	session_id  TEXT   NOT NULL,
	kind        TEXT   NOT NULL, -- log, roster, created, deleted
	from_place  BIGINT NOT NULL, -- of log and roster: the place in the log, or the revision, that first_place stands for
	after_seq   BIGINT NOT NULL, -- of log: the entries that were added in the run have the numbers after this one …
	through_seq BIGINT NOT NULL, -- … up to this one
	epoch       BIGINT,          -- of a deletion: the session's; else NULL
	at          BIGINT NOT NULL,
	purge_at    BIGINT           -- NULL for what is kept as long as the session
);

CREATE INDEX feed_session ON feed (session_id);
CREATE INDEX feed_purge ON feed (purge_at) WHERE purge_at IS NOT NULL;

-- How far each session is in the feed. Only the node that gives the places writes here, so that no session's row is locked for it.
CREATE TABLE feed_sessions (
	session_id TEXT   NOT NULL PRIMARY KEY,
	epoch      BIGINT NOT NULL,
	seq        BIGINT NOT NULL,
	place      BIGINT NOT NULL,
	revision   BIGINT NOT NULL,
	active_at  BIGINT NOT NULL -- when the newest of these entries was added; where there is none, when the session was made
);

CREATE INDEX feed_sessions_active ON feed_sessions (active_at, session_id);

-- "end": the last place that was given. "truncated": the place up to which roster changes and deletions may have been purged.
CREATE TABLE feed_state (
	name  TEXT   NOT NULL PRIMARY KEY,
	place BIGINT NOT NULL
);

-- Which node does a task that one node at a time does.
CREATE TABLE leases (
	name  TEXT   NOT NULL PRIMARY KEY,
	node  TEXT   NOT NULL,
	until BIGINT NOT NULL
);

-- Where the feed's events are sent to: see session.Webhook.
CREATE TABLE webhooks (
	id             TEXT   NOT NULL PRIMARY KEY,
	url            TEXT   NOT NULL,
	events         TEXT   NOT NULL, -- kinds, with a comma between them; empty for all
	session_prefix TEXT   NOT NULL,
	secret         TEXT   NOT NULL,
	place          BIGINT NOT NULL, -- in the feed, up to which all was answered
	last_error     TEXT   NOT NULL DEFAULT '',
	failing_since  BIGINT,          -- NULL where the last request was answered well
	created_at     BIGINT NOT NULL,
	replays        BIGINT NOT NULL DEFAULT 0 -- how often it was set back
);
