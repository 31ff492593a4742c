-- What a publication says of some people in one month.
SELECT
    patient_key,
    practice_code,
    ome_mg_per_day_3m,
    ome_mg_per_day_6m,
    opioid_run_months,
    excluded,
FROM marts.patient_month
WHERE month = $month AND list_contains($patient_keys, patient_key)
