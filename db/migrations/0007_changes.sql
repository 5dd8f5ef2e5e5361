-- A log that changes: see session.LogEvent. A log's newest event has place last_seq + changes. changes and changes_before are
-- 0 where nothing was changed, so that every row of before is right as it stands, and columns are added without a rewrite.
ALTER TABLE sessions ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;     -- events that changed an entry
ALTER TABLE sessions ADD COLUMN run_changes BIGINT NOT NULL DEFAULT 0; -- changes_before of the newest entry

ALTER TABLE entries ADD COLUMN user_id TEXT;
ALTER TABLE entries ADD COLUMN data TEXT;
ALTER TABLE entries ADD COLUMN reply_to BIGINT;               -- a seq
ALTER TABLE entries ADD COLUMN changes_before BIGINT;         -- the entry's place is seq + changes_before; NULL is 0
ALTER TABLE entries ADD COLUMN run_place BIGINT;              -- the place of an entry that follows a change; else NULL
ALTER TABLE entries ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE entries ADD COLUMN changed_place BIGINT;          -- of the newest change; NULL where there was none
ALTER TABLE entries ADD COLUMN changed_at BIGINT;
ALTER TABLE entries ADD COLUMN change TEXT;                   -- the kind of the newest change
ALTER TABLE entries ADD COLUMN edited_at BIGINT;
ALTER TABLE entries ADD COLUMN deleted_at BIGINT;
ALTER TABLE entries ADD COLUMN deleted_by TEXT;               -- a connection
ALTER TABLE entries ADD COLUMN reactions TEXT;                -- JSON: [[name, count], …] in the order of first use; NULL for none

CREATE INDEX entries_run ON entries (session_id, run_place) WHERE run_place IS NOT NULL;
CREATE INDEX entries_changed ON entries (session_id, changed_place) WHERE changed_place IS NOT NULL;
CREATE INDEX entries_deleted ON entries (session_id, seq, deleted_at) WHERE deleted_at IS NOT NULL;

-- Who reacts how to an entry. The entry's row has the counts.
CREATE TABLE reactions (
	session_id    TEXT   NOT NULL,
	seq           BIGINT NOT NULL,
	reactor       TEXT   NOT NULL, -- 'u' and a user, or 'c' and a connection without one
	name          TEXT   NOT NULL,
	connection_id TEXT   NOT NULL,
	place         BIGINT NOT NULL, -- of the change that added it
	ordinal       BIGINT NOT NULL, -- among the reactions of that change
	PRIMARY KEY (session_id, seq, reactor, name)
) /*sqlite: WITHOUT ROWID :sqlite*/;

CREATE INDEX reactions_oldest ON reactions (session_id, seq, name, place, ordinal);

-- The idempotency keys of changes.
CREATE TABLE change_keys (
	session_id TEXT   NOT NULL,
	change_key TEXT   NOT NULL,
	used_for   TEXT   NOT NULL, -- a digest
	purge_at   BIGINT NOT NULL,
	PRIMARY KEY (session_id, change_key)
) /*sqlite: WITHOUT ROWID :sqlite*/;

CREATE INDEX change_keys_purge ON change_keys (purge_at);
