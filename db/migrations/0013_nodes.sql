-- What a node tells the others of itself each time it renews its lease. NULL for nodes of versions that tell nothing. Both times are
-- the database's.
ALTER TABLE nodes ADD COLUMN version TEXT;
ALTER TABLE nodes ADD COLUMN started_at BIGINT;
ALTER TABLE nodes ADD COLUMN reported_at BIGINT;
ALTER TABLE nodes ADD COLUMN sockets BIGINT;
ALTER TABLE nodes ADD COLUMN http_streams BIGINT;
ALTER TABLE nodes ADD COLUMN subscriptions BIGINT;
ALTER TABLE nodes ADD COLUMN connections BIGINT;
