-- The people of each headline cohort by deprivation, age and sex, now and at the baseline.
--
-- Grain: one row per ICB (or all), month, measure, dimension and value with people in the month or at the baseline.
-- Key: org_level, org_code, month, measure, dimension, dimension_value
--
-- Deprivation is that of the patient, never of the practice: quintile 1 holds the most deprived fifth of small areas.
-- A person counts where they stand in that month; people_in_both are those with the same value in both months.
WITH baselines AS (
    SELECT
        measure,
        baseline_first_month AS baseline_month,
    FROM intermediate.int_measures__baseline
    WHERE
        aim = $default_aim
        AND baseline_first_month = baseline_last_month
        AND measure IN (SELECT cohort FROM reference.measures WHERE flow IS NOT NULL)
),

places AS (
    SELECT
        everywhere.practice_code,
        everywhere.org_code AS all_code,
        icbs.org_code AS icb_code,
    FROM intermediate.int_organisations__levels AS everywhere
    LEFT JOIN intermediate.int_organisations__levels AS icbs
        ON everywhere.practice_code = icbs.practice_code AND icbs.org_level = 'icb'
    WHERE everywhere.org_level = 'all'
),

members AS (
    SELECT
        members.patient_number,
        members.month,
        members.cohort AS measure,
        places.all_code,
        places.icb_code,
        coalesce('quintile ' || CAST(floor((people.imd_decile + 1) / 2) AS INTEGER), 'unknown') AS imd_quintile,
        CASE
            WHEN people.age < 18 THEN 'under 18'
            WHEN people.age < 40 THEN '18 to 39'
            WHEN people.age < 65 THEN '40 to 64'
            WHEN people.age < 75 THEN '65 to 74'
            WHEN people.age >= 75 THEN '75 and over'
            WHEN people.age IS NULL THEN 'unknown'
        END AS age_band,
        coalesce(people.sex, 'unknown') AS sex,
    FROM intermediate.int_patient_months__memberships AS members
    INNER JOIN baselines ON members.cohort = baselines.measure AND baselines.baseline_month <= members.month
    INNER JOIN intermediate.int_patient_months__judged AS people
        ON members.patient_number = people.patient_number AND members.month = people.month
    INNER JOIN places ON members.practice_code = places.practice_code
),

at_baseline AS (
    SELECT
        members.patient_number,
        members.measure,
        members.all_code,
        members.icb_code,
        members.imd_quintile,
        members.age_band,
        members.sex,
    FROM members
    INNER JOIN baselines ON members.measure = baselines.measure AND members.month = baselines.baseline_month
),

-- Counted before anything is spread over levels and dimensions: there are few such groups, and many people.
counted AS (
    SELECT
        members.month,
        members.measure,
        members.all_code,
        members.icb_code,
        members.imd_quintile,
        members.age_band,
        members.sex,
        at_baseline.all_code AS baseline_all_code,
        at_baseline.icb_code AS baseline_icb_code,
        at_baseline.imd_quintile AS baseline_imd_quintile,
        at_baseline.age_band AS baseline_age_band,
        at_baseline.sex AS baseline_sex,
        count(*) AS people,
    FROM members
    LEFT JOIN at_baseline
        ON members.patient_number = at_baseline.patient_number AND members.measure = at_baseline.measure
    GROUP BY ALL
),

placed AS (
    SELECT
        counted.month,
        counted.measure,
        levels.org_level,
        CASE levels.org_level WHEN 'all' THEN counted.all_code WHEN 'icb' THEN counted.icb_code END AS org_code,
        CASE levels.org_level WHEN 'all' THEN counted.baseline_all_code WHEN 'icb' THEN counted.baseline_icb_code END
            AS baseline_org_code,
        dimensions.dimension,
        CASE dimensions.dimension
            WHEN 'imd_quintile' THEN counted.imd_quintile
            WHEN 'age_band' THEN counted.age_band
            WHEN 'sex' THEN counted.sex
        END AS dimension_value,
        CASE dimensions.dimension
            WHEN 'imd_quintile' THEN counted.baseline_imd_quintile
            WHEN 'age_band' THEN counted.baseline_age_band
            WHEN 'sex' THEN counted.baseline_sex
        END AS baseline_value,
        counted.people,
    FROM counted
    CROSS JOIN (VALUES ('icb'), ('all')) AS levels (org_level)
    CROSS JOIN (VALUES ('imd_quintile'), ('age_band'), ('sex')) AS dimensions (dimension)
),

now_counted AS (
    SELECT
        org_level,
        org_code,
        month,
        measure,
        dimension,
        dimension_value,
        CAST(sum(people) AS BIGINT) AS people,
        CAST(
            sum(CASE WHEN org_code = baseline_org_code AND dimension_value = baseline_value THEN people ELSE 0 END) AS BIGINT
        ) AS people_in_both,
    FROM placed
    WHERE org_code IS NOT NULL
    GROUP BY ALL
),

then_counted AS (
    SELECT
        now_counted.org_level,
        now_counted.org_code,
        now_counted.measure,
        now_counted.dimension,
        now_counted.dimension_value,
        now_counted.people AS baseline_people,
    FROM now_counted
    INNER JOIN baselines ON now_counted.measure = baselines.measure AND now_counted.month = baselines.baseline_month
),

months AS (
    SELECT
        baselines.measure,
        months.month,
        months.is_provisional,
        baselines.baseline_month,
    FROM baselines
    INNER JOIN intermediate.int_months__patient AS months ON baselines.baseline_month <= months.month
    WHERE months.is_loaded
),

groups AS (
    SELECT DISTINCT
        org_level,
        org_code,
        measure,
        dimension,
        dimension_value,
    FROM now_counted
)

SELECT
    groups.org_level,
    groups.org_code,
    months.month,
    groups.measure,
    groups.dimension,
    groups.dimension_value,
    months.baseline_month,
    months.is_provisional AS provisional,
    coalesce(now_counted.people, 0) AS people,
    coalesce(then_counted.baseline_people, 0) AS baseline_people,
    coalesce(now_counted.people_in_both, 0) AS people_in_both,
FROM groups
INNER JOIN months USING (measure)
LEFT JOIN now_counted USING (org_level, org_code, month, measure, dimension, dimension_value)
LEFT JOIN then_counted USING (org_level, org_code, measure, dimension, dimension_value)
