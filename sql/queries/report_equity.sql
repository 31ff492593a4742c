-- The headline cohorts by deprivation, age and sex; what of it leaves is chosen by pipelines.disclosure.parts.
SELECT * FROM marts.equity
