-- The user of a connection, and data that changes. Data of connections from before is fixed, since it may be a session token's.
ALTER TABLE connections ADD COLUMN user_id TEXT;
ALTER TABLE connections ADD COLUMN data_fixed BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE connections ADD COLUMN data_revision BIGINT NOT NULL DEFAULT 0;
