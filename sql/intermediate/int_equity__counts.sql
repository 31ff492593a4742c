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

members AS (
    SELECT
        members.patient_key,
        members.month,
        members.cohort AS measure,
        members.practice_code,
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
    INNER JOIN intermediate.int_patient_months__flagged AS people
        ON members.patient_key = people.patient_key AND members.month = people.month
),

placed AS (
    SELECT
        members.patient_key,
        members.month,
        members.measure,
        levels.org_level,
        levels.org_code,
        dimensions.dimension,
        CASE dimensions.dimension
            WHEN 'imd_quintile' THEN members.imd_quintile
            WHEN 'age_band' THEN members.age_band
            WHEN 'sex' THEN members.sex
        END AS dimension_value,
    FROM members
    INNER JOIN intermediate.int_organisations__levels AS levels
        ON members.practice_code = levels.practice_code AND levels.org_level IN ('icb', 'all')
    CROSS JOIN (VALUES ('imd_quintile'), ('age_band'), ('sex')) AS dimensions (dimension)
),

at_baseline AS (
    SELECT
        placed.patient_key,
        placed.measure,
        placed.org_level,
        placed.org_code,
        placed.dimension,
        placed.dimension_value,
    FROM placed
    INNER JOIN baselines ON placed.measure = baselines.measure AND placed.month = baselines.baseline_month
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
    FROM placed
),

now_counted AS (
    SELECT
        placed.org_level,
        placed.org_code,
        placed.month,
        placed.measure,
        placed.dimension,
        placed.dimension_value,
        count(*) AS people,
        count(at_baseline.patient_key) AS people_in_both,
    FROM placed
    LEFT JOIN at_baseline USING (patient_key, measure, org_level, org_code, dimension, dimension_value)
    GROUP BY ALL
),

then_counted AS (
    SELECT
        org_level,
        org_code,
        measure,
        dimension,
        dimension_value,
        count(*) AS baseline_people,
    FROM at_baseline
    GROUP BY ALL
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
