-- How many returned rows name an organisation that the loaded data do not know, by sheet.
SELECT
    'local_returns and surveys' AS sheet,
    count(*) AS unplaced,
FROM marts.local_returns
WHERE org_level IS NULL

UNION ALL

SELECT
    'patient_reported_scores' AS sheet,
    count(*) AS unplaced,
FROM marts.patient_reported_scores
WHERE org_level IS NULL

UNION ALL

SELECT
    'unit_costs' AS sheet,
    count(*) AS unplaced,
FROM marts.service_impact
WHERE org_level IS NULL

UNION ALL

SELECT
    'pdsa' AS sheet,
    count(*) AS unplaced,
FROM marts.pdsa
WHERE org_level IS NULL
