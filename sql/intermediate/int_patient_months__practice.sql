-- The one practice a patient belongs to in a month.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_key, month_index
--
-- The registered practice where the source has it; else the GP practice of the newest of the last six months in which
-- one prescribed an opioid; else of any class; else NULL: unallocated, in totals but in no practice.
WITH months AS (
    SELECT
        month,
        month_index,
    FROM intermediate.int_months__patient
),

monthly AS (
    SELECT
        practices.patient_key,
        months.month_index,
        practices.registered_practice_code,
        practices.opioid_practice_code,
        practices.any_practice_code,
    FROM intermediate.int_patient_practices__monthly AS practices
    INNER JOIN months USING (month)
),

newest AS (
    SELECT
        spine.patient_key,
        spine.month_index,
        max(CASE WHEN monthly.registered_practice_code IS NOT NULL THEN spine.month_index END) OVER last_6
            AS registered_month_index,
        max(CASE WHEN monthly.opioid_practice_code IS NOT NULL THEN spine.month_index END) OVER last_6
            AS opioid_month_index,
        max(CASE WHEN monthly.any_practice_code IS NOT NULL THEN spine.month_index END) OVER last_6 AS any_month_index,
    FROM intermediate.int_patient_months__spine AS spine
    LEFT JOIN monthly USING (patient_key, month_index)
    WINDOW last_6 AS (PARTITION BY spine.patient_key ORDER BY spine.month_index RANGE BETWEEN 5 PRECEDING AND CURRENT ROW)
)

SELECT
    newest.patient_key,
    newest.month_index,
    coalesce(registered.registered_practice_code, opioid.opioid_practice_code, anything.any_practice_code)
        AS practice_code,
FROM newest
LEFT JOIN monthly AS registered
    ON newest.patient_key = registered.patient_key AND newest.registered_month_index = registered.month_index
LEFT JOIN monthly AS opioid
    ON newest.patient_key = opioid.patient_key AND newest.opioid_month_index = opioid.month_index
LEFT JOIN monthly AS anything
    ON newest.patient_key = anything.patient_key AND newest.any_month_index = anything.month_index
