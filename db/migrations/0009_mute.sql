-- The moderator that muted the streams to come; NULL where they begin as they are published. No reference to connections: the mute
-- outlives the moderator's.
ALTER TABLE sessions ADD COLUMN muted_by TEXT;
