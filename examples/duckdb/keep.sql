-- Copies what the files hold into the table kept, and makes the relations read
-- that. A summary that is copied twice counts once, so a file may be loaded
-- again; a file that is loaded may be deleted.
--
--   .read from_spans.sql
--   .read keep.sql
--   .read schema.sql

CREATE TABLE IF NOT EXISTS kept AS FROM delivered LIMIT 0;
INSERT INTO kept FROM delivered;
CREATE OR REPLACE VIEW delivered AS FROM kept;
