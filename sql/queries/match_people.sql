-- The people of a cohort in a practice, a PCN or everywhere, and those who were asked for by pseudonym, at the as-at month.
WITH practices AS (
    SELECT
        org_code AS practice_code,
        org_name AS practice_name,
        pcn_code,
    FROM marts.trends
    WHERE org_level = 'practice' AND measure = 'any_opioid' AND month = $as_at_month
),

people AS (
    SELECT
        months.patient_key,
        months.practice_code,
        practices.practice_name,
        $is_everyone OR months.practice_code = $practice_code OR practices.pcn_code = $pcn_code AS is_here,
        coalesce(
            CASE $cohort
                WHEN 'high_dose' THEN months.high_dose
                WHEN 'high_dose_ge120' THEN months.high_dose_ge120
                WHEN 'high_dose_gt90' THEN months.high_dose_gt90
                WHEN 'high_dose_ge90' THEN months.high_dose_ge90
                WHEN 'long_term' THEN months.long_term
                WHEN 'long_term_3m' THEN months.long_term_3m
                WHEN 'opioid_gabapentinoid' THEN months.opioid_gabapentinoid
            END,
            FALSE
        ) AS is_in_cohort,
        list_contains($patient_keys, months.patient_key) AS is_theirs,
        months.is_adult,
        months.excluded,
        months.palliative_proxy,
        months.high_dose_status,
        months.dose_is_lower_bound,
        months.ome_mg_per_day_3m,
        months.ome_mg_per_day_6m,
        months.opioid_run_months,
    FROM marts.patient_month AS months
    LEFT JOIN practices USING (practice_code)
    WHERE months.month = $as_at_month
)

SELECT
    patient_key,
    practice_code,
    practice_name,
    coalesce(is_here, FALSE) AS is_here,
    is_in_cohort,
    is_theirs,
    is_adult,
    excluded,
    palliative_proxy,
    high_dose_status,
    dose_is_lower_bound,
    ome_mg_per_day_3m,
    ome_mg_per_day_6m,
    opioid_run_months,
FROM people
WHERE is_theirs OR (is_in_cohort AND coalesce(is_here, FALSE))
ORDER BY ome_mg_per_day_3m DESC NULLS LAST, patient_key
