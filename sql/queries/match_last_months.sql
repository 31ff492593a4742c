-- The last month in which those of some pseudonyms were looked at who were ever in the data.
SELECT
    patient_key,
    max(month) AS last_month,
FROM marts.patient_month
WHERE list_contains($patient_keys, patient_key)
GROUP BY patient_key
