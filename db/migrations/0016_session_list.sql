-- Lists of sessions by when they were made.
CREATE INDEX sessions_created ON sessions (created_at, id);
