-- PostgreSQL keeps samples of a column's values for its planner, also after a text was deleted. No query looks for these texts, so none
-- are kept; the change of type, to the same type, drops those that there are.
/*postgres:
ALTER TABLE entries
	ALTER COLUMN body TYPE TEXT, ALTER COLUMN body SET STATISTICS 0,
	ALTER COLUMN data TYPE TEXT, ALTER COLUMN data SET STATISTICS 0;
ALTER TABLE connections ALTER COLUMN data TYPE TEXT, ALTER COLUMN data SET STATISTICS 0;
ALTER TABLE streams ALTER COLUMN name TYPE TEXT, ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE stream_changes ALTER COLUMN change TYPE TEXT, ALTER COLUMN change SET STATISTICS 0;
:postgres*/
