-- Months in which the high-dose cohort differs between the patients and the trend table, or practices exceed the whole.
--
-- Grain: one row per offending month and measure.
-- Key: month, measure
WITH patients AS (
    SELECT
        month,
        count(*) FILTER (high_dose) AS high_dose,
        count(*) FILTER (long_term) AS long_term,
        count(*) FILTER (opioid_gabapentinoid) AS opioid_gabapentinoid,
        count(*) FILTER (high_dose AND practice_code IS NOT NULL) AS high_dose_in_practices,
    FROM marts.patient_month
    GROUP BY month
),

trends AS (
    SELECT
        month,
        sum(numerator) FILTER (org_level = 'all' AND measure = 'high_dose') AS high_dose,
        sum(numerator) FILTER (org_level = 'all' AND measure = 'long_term') AS long_term,
        sum(numerator) FILTER (org_level = 'all' AND measure = 'opioid_gabapentinoid') AS opioid_gabapentinoid,
        sum(numerator) FILTER (org_level = 'practice' AND measure = 'high_dose') AS high_dose_in_practices,
    FROM marts.trends
    GROUP BY month
)

SELECT
    month,
    'cohort total' AS measure,
FROM patients
INNER JOIN trends USING (month)
WHERE
    patients.high_dose <> coalesce(trends.high_dose, 0)
    OR patients.long_term <> coalesce(trends.long_term, 0)
    OR patients.opioid_gabapentinoid <> coalesce(trends.opioid_gabapentinoid, 0)
    OR patients.high_dose_in_practices <> coalesce(trends.high_dose_in_practices, 0)
