-- Months and measures of which current boundaries and those of the month hold different totals.
--
-- Grain: one row per offending level, month and measure.
-- Key: org_level, month, measure
--
-- What is in no organisation of a level is added from the practices' own rows, so that nothing is in two organisations of a
-- level and nothing is lost. People who joined or left are told by organisation: movers make their sums differ.
WITH parents AS (
    SELECT DISTINCT org_level,
    FROM intermediate.int_organisations__levels
    WHERE org_level NOT IN ('practice', 'all')

    UNION

    SELECT DISTINCT org_level,
    FROM intermediate.int_organisations__levels_as_was
),

practices AS (
    SELECT
        parents.org_level,
        counts.org_code AS practice_code,
        counts.month,
        counts.measure,
        counts.numerator,
        counts.registered_patients,
    FROM intermediate.int_trends__counts AS counts
    CROSS JOIN parents
    WHERE counts.org_level = 'practice' AND counts.flow IS NULL
),

now_counted AS (
    SELECT org_level, month, measure, numerator, registered_patients,
    FROM intermediate.int_trends__counts
    WHERE org_level NOT IN ('practice', 'all') AND flow IS NULL

    UNION ALL

    SELECT practices.org_level, practices.month, practices.measure, practices.numerator, practices.registered_patients,
    FROM practices
    ANTI JOIN intermediate.int_organisations__levels AS levels USING (practice_code, org_level)
),

then_counted AS (
    SELECT org_level, month, measure, numerator, registered_patients,
    FROM intermediate.int_trends_as_was__counts
    WHERE org_level <> 'all' AND flow IS NULL

    UNION ALL

    SELECT practices.org_level, practices.month, practices.measure, practices.numerator, practices.registered_patients,
    FROM practices
    ANTI JOIN intermediate.int_organisations__levels_as_was AS levels USING (practice_code, org_level, month)
),

whole AS (
    SELECT org_level, month, measure, sum(numerator) AS numerator, sum(registered_patients) AS registered_patients,
    FROM practices
    GROUP BY ALL
),

now_summed AS (
    SELECT org_level, month, measure, sum(numerator) AS numerator, sum(registered_patients) AS registered_patients,
    FROM now_counted
    GROUP BY ALL
),

then_summed AS (
    SELECT org_level, month, measure, sum(numerator) AS numerator, sum(registered_patients) AS registered_patients,
    FROM then_counted
    GROUP BY ALL
)

SELECT
    whole.org_level,
    whole.month,
    whole.measure,
FROM whole
LEFT JOIN now_summed USING (org_level, month, measure)
LEFT JOIN then_summed USING (org_level, month, measure)
WHERE
    coalesce(whole.numerator, 0) <> coalesce(now_summed.numerator, 0)
    OR coalesce(whole.numerator, 0) <> coalesce(then_summed.numerator, 0)
    OR coalesce(whole.registered_patients, 0) <> coalesce(now_summed.registered_patients, 0)
    OR coalesce(whole.registered_patients, 0) <> coalesce(then_summed.registered_patients, 0)
