-- Every published table and what it says.
SELECT
    schema_name || '.' || table_name AS table_name,
    comment AS says,
FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name IN ('marts', 'reference')

UNION ALL

SELECT
    schema_name || '.' || view_name AS table_name,
    comment AS says,
FROM duckdb_views()
WHERE database_name = current_database() AND schema_name IN ('marts', 'reference')
ORDER BY table_name
