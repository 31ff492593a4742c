-- The organisations that a local return may name.
SELECT DISTINCT org_code
FROM marts.trends
WHERE org_level IN ('practice', 'pcn', 'icb')
