-- Each dispensed month with what the patient's history up to it carries into the months that follow.
--
-- Grain: one row per patient and month with an item.
-- Key: patient_number, month_index
-- Kind: view
--
-- A month is carried until the next one with an item, or to the end of the data, never beyond six months. Sums are
-- running sums: what a window holds is the difference of two of them, and exact.
WITH practices AS (
    SELECT
        dispensed.patient_number,
        dispensed.month_index,
        dispensed.is_opioid_month,
        dispensed.ome_mg,
        dispensed.ome_mg_counted,
        dispensed.has_gabapentinoid,
        dispensed.has_benzodiazepine,
        dispensed.has_z_drug,
        dispensed.age,
        dispensed.sex,
        dispensed.imd_decile,
        dispensed.registered_practice_code,
        coalesce(
            contested.opioid_practice_code,
            CASE WHEN dispensed.is_opioid_of_gp_practice THEN dispensed.gp_practice_code END
        ) AS opioid_practice_code,
        coalesce(contested.any_practice_code, dispensed.gp_practice_code) AS any_practice_code,
    FROM intermediate.int_patient_months__dispensed AS dispensed
    LEFT JOIN intermediate.int_patient_practices__contested AS contested USING (patient_number, month_index)
)

SELECT
    patient_number,
    month_index,
    least(
        coalesce(lead(month_index) OVER by_month, month_index + 6),
        (SELECT max(month_index) + 1 FROM intermediate.int_months__patient)
    ) - month_index AS months_carried,
    ome_mg,
    ome_mg_counted,
    age,
    sex,
    imd_decile,
    CAST(sum(ome_mg_counted) OVER so_far AS DECIMAL(18, 4)) AS ome_mg_so_far,
    CAST(count(CASE WHEN is_opioid_month THEN 1 END) OVER so_far AS INTEGER) AS opioid_months_so_far,
    max(CASE WHEN is_opioid_month THEN month_index END) OVER so_far AS last_opioid_month_index,
    max(CASE WHEN has_gabapentinoid THEN month_index END) OVER so_far AS last_gabapentinoid_month_index,
    max(CASE WHEN has_benzodiazepine THEN month_index END) OVER so_far AS last_benzodiazepine_month_index,
    max(CASE WHEN has_z_drug THEN month_index END) OVER so_far AS last_z_drug_month_index,
    max(CASE WHEN registered_practice_code IS NOT NULL THEN month_index END) OVER so_far AS registered_month_index,
    max(CASE WHEN opioid_practice_code IS NOT NULL THEN month_index END) OVER so_far AS opioid_practice_month_index,
    max(CASE WHEN any_practice_code IS NOT NULL THEN month_index END) OVER so_far AS any_practice_month_index,
    last_value(registered_practice_code IGNORE NULLS) OVER so_far AS registered_practice_code,
    last_value(opioid_practice_code IGNORE NULLS) OVER so_far AS opioid_practice_code,
    last_value(any_practice_code IGNORE NULLS) OVER so_far AS any_practice_code,
FROM practices
WINDOW
    by_month AS (PARTITION BY patient_number ORDER BY month_index),
    so_far AS (PARTITION BY patient_number ORDER BY month_index ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
