-- Each GP practice against the others; what of it leaves is chosen by pipelines.disclosure.tables.
SELECT * FROM marts.practice_comparison
