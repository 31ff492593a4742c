-- Which of the tables a list is made of the warehouse holds: one published by an older version may lack some.
SELECT table_name
FROM duckdb_tables()
WHERE schema_name = 'marts' AND table_name IN ('case_list', 'case_list_excluded')

UNION ALL

SELECT view_name AS table_name
FROM duckdb_views()
WHERE schema_name = 'marts' AND view_name IN ('case_list', 'case_list_excluded')
