-- Who is in which of the cohorts that a factor can move people into or out of, at the newest month that is whole.
SELECT
    month,
    patient_key,
    high_dose,
    high_dose_possible,
    high_dose_recent,
    high_dose_new,
    high_dose_ge120,
    high_dose_gt90,
    high_dose_ge90,
    near_threshold,
    high_dose_long_term,
    high_dose_gabapentinoid,
    all_three,
    escalating,
    rapid_escalation,
FROM marts.patient_month
WHERE month = (SELECT max(month) FROM intermediate.int_months__patient WHERE is_loaded AND NOT is_provisional)
