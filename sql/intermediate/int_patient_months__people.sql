-- Age, sex and deprivation of a patient, as the newest month with an item says.
--
-- Grain: one row per patient and month with an item.
-- Key: patient_key, month
--
-- Where a month's items differ, the greatest value stands.
SELECT
    patient_key,
    month,
    max(age) AS age,
    max(sex) AS sex,
    max(imd_decile) AS imd_decile,
FROM intermediate.int_items__classified
WHERE source = 'patient' AND patient_key IS NOT NULL
GROUP BY patient_key, month
