-- The practices and PCNs that a list can be asked for, with their names.
SELECT
    org_level,
    org_code,
    max(org_name) AS org_name,
FROM marts.trends
WHERE org_level IN ('practice', 'pcn') AND measure = 'any_opioid'
GROUP BY org_level, org_code
ORDER BY org_level, org_code
