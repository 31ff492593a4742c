-- Every trend: what leaves is chosen and protected by pipelines.disclosure, not here.
SELECT * FROM marts.trends
