-- The headline cohorts by deprivation, age and sex; what of it leaves is chosen by pipelines.disclosure_parts.
SELECT * FROM marts.equity
