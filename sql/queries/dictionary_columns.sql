-- Every column of the published tables, in its order, with its type and what it says.
SELECT
    schema_name || '.' || table_name AS table_name,
    column_name,
    data_type AS column_type,
    comment AS says,
FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name IN ('marts', 'reference')
ORDER BY table_name, column_index
