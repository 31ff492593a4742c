-- Organisations in which last month's people, and who joined, less who left, are not this month's people.
--
-- Grain: one row per offending organisation, month and cohort.
-- Key: org_level, org_code, month, measure
WITH counts AS (
    SELECT
        counts.org_level,
        counts.org_code,
        counts.measure,
        counts.cohort,
        counts.flow,
        counts.month,
        calendar.month_index,
        counts.numerator,
    FROM intermediate.int_trends__counts AS counts
    INNER JOIN reference.months AS calendar USING (month)
)

SELECT
    now.org_level,
    now.org_code,
    now.month,
    now.measure,
FROM counts AS now
INNER JOIN counts AS earlier
    ON now.org_level = earlier.org_level
    AND now.org_code = earlier.org_code
    AND now.measure = earlier.measure
    AND now.month_index = earlier.month_index + 1
INNER JOIN counts AS net
    ON now.org_level = net.org_level
    AND now.org_code = net.org_code
    AND now.measure = net.cohort
    AND net.flow = 'net_change'
    AND now.month_index = net.month_index
INNER JOIN counts AS joined
    ON now.org_level = joined.org_level
    AND now.org_code = joined.org_code
    AND now.measure = joined.cohort
    AND joined.flow = 'joined'
    AND now.month_index = joined.month_index
INNER JOIN counts AS leaving
    ON now.org_level = leaving.org_level
    AND now.org_code = leaving.org_code
    AND now.measure = leaving.cohort
    AND leaving.flow = 'left'
    AND now.month_index = leaving.month_index
WHERE
    net.numerator IS NOT NULL
    AND (
        now.numerator <> earlier.numerator + joined.numerator - leaving.numerator
        OR net.numerator <> joined.numerator - leaving.numerator
    )
