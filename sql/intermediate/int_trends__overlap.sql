-- How many people are in a cohort both in its baseline month and in another, in the same organisation.
--
-- Grain: one row per level, organisation, month and measure of people.
-- Key: org_level, org_code, month, measure
--
-- The same people stand in both months, so a change must not be judged as if the two counts were independent. Only
-- baselines of a single month have an overlap.
WITH members AS (
    SELECT
        patient_key,
        month,
        practice_code,
        is_without,
        cohort,
    FROM intermediate.int_patient_months__memberships
),

earlier AS (
    SELECT
        members.patient_key,
        members.practice_code,
        members.is_without,
        members.cohort,
    FROM members
    INNER JOIN intermediate.int_measures__baseline AS baselines
        ON members.cohort = baselines.measure AND members.month = baselines.baseline_first_month
    WHERE baselines.baseline_first_month = baselines.baseline_last_month
),

by_practices AS (
    SELECT
        earlier.practice_code AS baseline_practice_code,
        members.practice_code,
        members.month,
        members.cohort,
        count(*) AS people,
        count(*) FILTER (earlier.is_without AND members.is_without) AS people_without,
    FROM earlier
    INNER JOIN members USING (patient_key, cohort)
    GROUP BY ALL
),

by_organisations AS (
    SELECT
        levels.org_level,
        levels.org_code,
        by_practices.month,
        by_practices.cohort,
        CAST(sum(by_practices.people) AS BIGINT) AS people,
        CAST(sum(by_practices.people_without) AS BIGINT) AS people_without,
    FROM by_practices
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
    people AS people_in_both,
FROM by_organisations

UNION ALL

SELECT
    org_level,
    org_code,
    month,
    cohort || '_adult_no_palliative' AS measure,
    people_without AS people_in_both,
FROM by_organisations
