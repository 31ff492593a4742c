-- The months of every series above practice that has an aim, newest first: what a forecast is fitted to.
SELECT
    org_level,
    org_code,
    org_name,
    measure,
    month,
    numerator,
    denominator,
    rate_per_1000,
    rate_reason,
    aim,
    aim_type,
    aim_pct,
    aim_target,
    definition,
FROM marts.trends
WHERE aim IS NOT NULL AND org_level <> 'practice' AND NOT provisional AND numerator IS NOT NULL
ORDER BY org_level, org_code, measure, month DESC
