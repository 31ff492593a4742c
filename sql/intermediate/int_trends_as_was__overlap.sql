-- People who are in a cohort in its baseline month and in another, in one organisation on the boundaries of each month.
--
-- Grain: one row per level, organisation, month, measure of people and month that is its baseline under some aim.
-- Key: org_level, org_code, month, measure, baseline_month
--
-- The same people stand in both months, so a change must not be judged as if the two counts were independent. Only
-- baselines of a single month have an overlap. A practice stands once in each month with all its organisations: joined level
-- by level, every month of an ICB would meet every other.
WITH places AS (
    SELECT
        practice_code,
        month,
        max(CASE WHEN org_level = 'pcn' THEN org_code END) AS pcn_code,
        max(CASE WHEN org_level = 'sub_icb' THEN org_code END) AS sub_icb_code,
        max(CASE WHEN org_level = 'icb' THEN org_code END) AS icb_code,
        max(CASE WHEN org_level = 'region' THEN org_code END) AS region_code,
    FROM intermediate.int_organisations__levels_as_was
    GROUP BY practice_code, month
),

stayed AS (
    SELECT
        by_practices.month,
        by_practices.baseline_month,
        by_practices.cohort,
        CASE WHEN now.pcn_code = earlier.pcn_code THEN now.pcn_code END AS pcn_code,
        CASE WHEN now.sub_icb_code = earlier.sub_icb_code THEN now.sub_icb_code END AS sub_icb_code,
        CASE WHEN now.icb_code = earlier.icb_code THEN now.icb_code END AS icb_code,
        CASE WHEN now.region_code = earlier.region_code THEN now.region_code END AS region_code,
        sum(by_practices.people) AS people,
        sum(by_practices.people_without) AS people_without,
    FROM intermediate.int_trends__overlap_practices AS by_practices
    INNER JOIN places AS now ON by_practices.practice_code = now.practice_code AND by_practices.month = now.month
    INNER JOIN places AS earlier
        ON by_practices.baseline_practice_code = earlier.practice_code AND by_practices.baseline_month = earlier.month
    GROUP BY ALL
),

by_levels AS (
    SELECT
        parents.org_level,
        CASE parents.org_level
            WHEN 'pcn' THEN stayed.pcn_code
            WHEN 'sub_icb' THEN stayed.sub_icb_code
            WHEN 'icb' THEN stayed.icb_code
            WHEN 'region' THEN stayed.region_code
        END AS org_code,
        stayed.month,
        stayed.baseline_month,
        stayed.cohort,
        stayed.people,
        stayed.people_without,
    FROM stayed
    CROSS JOIN (VALUES ('pcn'), ('sub_icb'), ('icb'), ('region')) AS parents (org_level)
),

by_organisations AS (
    SELECT
        org_level,
        org_code,
        month,
        baseline_month,
        cohort,
        CAST(sum(people) AS BIGINT) AS people,
        CAST(sum(people_without) AS BIGINT) AS people_without,
    FROM by_levels
    WHERE org_code IS NOT NULL
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

UNION ALL

SELECT
    org_level,
    org_code,
    month,
    measure,
    baseline_month,
    people_in_both,
FROM intermediate.int_trends__overlap
WHERE org_level = 'all'
