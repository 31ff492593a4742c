-- The tables and views that a warehouse holds.
SELECT table_name
FROM duckdb_tables()

UNION ALL

SELECT view_name AS table_name
FROM duckdb_views()
WHERE NOT internal
