-- What the trend table looks like, counted over every row.
--
-- Grain: one row per level of organisation and month.
-- Key: org_level, month
--
-- A measure that can fall below zero, a net change, does not count people.
WITH trends AS (
    SELECT
        measure,
        trends.org_level,
        trends.org_code,
        trends.month,
        trends.numerator,
        trends.denominator,
        trends.rate_per_1000,
        trends.rate_reason,
        measures.unit = 'people' AS counts_people,
    FROM marts.trends AS trends
    INNER JOIN reference.measures AS measures USING (measure)
)

SELECT
    org_level,
    month,
    count(DISTINCT org_code) AS organisations,
    count(*) AS rows_of_trends,
    count(*) FILTER (counts_people AND numerator < 0 AND measure NOT LIKE '%net_change%') AS rows_below_zero,
    count(*) FILTER (counts_people AND numerator > denominator) AS rows_with_more_people_than_registered,
    count(*) FILTER (coalesce(isinf(rate_per_1000) OR isnan(rate_per_1000), FALSE)) AS rows_with_an_infinite_rate,
    count(*) FILTER ((rate_per_1000 IS NULL) = (rate_reason IS NULL)) AS rows_without_rate_or_reason,
FROM trends
GROUP BY org_level, month
ORDER BY org_level, month
