-- Those of some pseudonyms that are somebody's in the published data.
SELECT DISTINCT patient_key
FROM marts.patient_month
WHERE list_contains($patient_keys, patient_key)
