-- 16 bits of a digest of the body that was posted, where another one is stored in its place: see posted.go. NULL for other entries.
ALTER TABLE entries ADD COLUMN posted_sum BIGINT;
