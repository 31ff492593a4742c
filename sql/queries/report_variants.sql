-- The trends for further aims and superseded definitions: what of them leaves is chosen by pipelines.disclosure.
SELECT * FROM marts.trend_variants
