-- The clinical tables that the last publication was made with.
SELECT table_name
FROM duckdb_tables()
WHERE schema_name = 'reference'
ORDER BY table_name
