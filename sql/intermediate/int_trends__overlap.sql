-- How many people are in a cohort both in its baseline month and in another, in the same organisation.
--
-- Grain: one row per level, organisation, month, measure of people and month that is its baseline under some aim.
-- Key: org_level, org_code, month, measure, baseline_month
--
-- The same people stand in both months, so a change must not be judged as if the two counts were independent. Only
-- baselines of a single month have an overlap.
WITH by_organisations AS (
    SELECT
        levels.org_level,
        levels.org_code,
        by_practices.month,
        by_practices.baseline_month,
        by_practices.cohort,
        CAST(sum(by_practices.people) AS BIGINT) AS people,
        CAST(sum(by_practices.people_without) AS BIGINT) AS people_without,
    FROM intermediate.int_trends__overlap_practices AS by_practices
    INNER JOIN intermediate.int_organisations__levels AS levels USING (practice_code)
    INNER JOIN intermediate.int_organisations__levels AS baseline_levels
        ON by_practices.baseline_practice_code = baseline_levels.practice_code
        AND levels.org_level = baseline_levels.org_level AND levels.org_code = baseline_levels.org_code
    GROUP BY ALL
)

SELECT
    org_level,
    org_code,
    month,
    cohort AS measure,
    baseline_month,
    people AS people_in_both,
FROM by_organisations

UNION ALL

SELECT
    org_level,
    org_code,
    month,
    cohort || '_adult_no_palliative' AS measure,
    baseline_month,
    people_without AS people_in_both,
FROM by_organisations
