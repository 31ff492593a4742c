-- Those of some pseudonyms that are somebody's in the published data, with every age and sex they have in it.
SELECT
    patient_key,
    min(age) AS youngest,
    max(age) AS oldest,
    list(DISTINCT sex) FILTER (sex IS NOT NULL) AS sexes,
FROM marts.patient_month
WHERE list_contains($patient_keys, patient_key)
GROUP BY patient_key
