-- How many people are in a cohort both in its baseline month and in another, by the practices they are in then and now.
--
-- Grain: one row per cohort, baseline month, month, practice at the baseline and practice now.
-- Key: cohort, baseline_month, month, baseline_practice_code, practice_code
--
-- Only baselines of a single month have an overlap. people_without counts those who are in the twin in both months.
WITH members AS (
    SELECT
        patient_number,
        month,
        practice_code,
        is_without,
        cohort,
    FROM intermediate.int_patient_months__memberships
),

baselines AS (
    SELECT DISTINCT
        measure AS cohort,
        baseline_first_month AS baseline_month,
    FROM intermediate.int_measures__baseline
    WHERE baseline_first_month = baseline_last_month
),

earlier AS (
    SELECT
        baselines.baseline_month,
        members.patient_number,
        members.practice_code,
        members.is_without,
        members.cohort,
    FROM members
    INNER JOIN baselines ON members.cohort = baselines.cohort AND members.month = baselines.baseline_month
)

SELECT
    earlier.baseline_month,
    earlier.practice_code AS baseline_practice_code,
    members.practice_code,
    members.month,
    members.cohort,
    count(*) AS people,
    count(*) FILTER (earlier.is_without AND members.is_without) AS people_without,
FROM earlier
INNER JOIN members USING (patient_number, cohort)
GROUP BY ALL
