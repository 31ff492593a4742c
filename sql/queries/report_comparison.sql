-- Each GP practice against the others; what of it leaves is chosen by pipelines.disclosure_tables.
SELECT * FROM marts.practice_comparison
