-- How many patients of a practice are in each cohort, in all and without under-18s, likely end of life and exclusions.
--
-- Grain: one row per practice, month and measure with a patient; practice "-" is what is in no practice.
-- Key: practice_code, month, measure
SELECT
    practice_code,
    month,
    cohort AS measure,
    count(*) AS patients,
FROM intermediate.int_patient_months__memberships
GROUP BY practice_code, month, cohort

UNION ALL

SELECT
    practice_code,
    month,
    cohort || '_adult_no_palliative' AS measure,
    count(*) AS patients,
FROM intermediate.int_patient_months__memberships
WHERE is_without
GROUP BY practice_code, month, cohort
