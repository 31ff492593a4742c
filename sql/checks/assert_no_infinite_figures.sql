-- Trend rows with a figure that is infinite, not a number, or negative where it cannot be.
--
-- Grain: one row per offending trend row.
-- Key: org_level, org_code, month, measure
SELECT
    org_level,
    org_code,
    month,
    measure,
FROM marts.trends
WHERE
    coalesce(isinf(rate_per_1000) OR isnan(rate_per_1000) OR rate_per_1000 < 0, FALSE)
    OR coalesce(isinf(change_pct) OR isnan(change_pct), FALSE)
    OR coalesce(isinf(ci_high) OR isnan(ci_high), FALSE)
    OR (rate_per_1000 IS NULL AND rate_reason IS NULL)
