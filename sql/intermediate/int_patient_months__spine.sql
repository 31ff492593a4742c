-- Every calendar month of a patient from the first item to the last month in which one can still be looked at.
--
-- Grain: one row per patient and calendar month, without gaps.
-- Key: patient_number, month_index
-- Kind: view
--
-- Without gaps, so that the row three before is the month three before. A patient is looked at in loaded months in whose
-- last six months (it included) an item was dispensed: is_looked_at. The practice is the registered one where the source has
-- it; else the GP practice of the newest of the last six months in which one prescribed an opioid; else of any class; else
-- NULL: unallocated, in totals but in no practice. What follows sorts these rows: each column less is time less.
WITH ahead AS (
    SELECT
        carried.calendar_month_number AS months_carried,
        months.calendar_month_number - 1 AS months_ahead,
    FROM intermediate.int_months__patient AS carried
    INNER JOIN intermediate.int_months__patient AS months
        ON months.calendar_month_number <= carried.calendar_month_number
)

SELECT
    carried.patient_number,
    carried.month_index + ahead.months_ahead AS month_index,
    ahead.months_ahead < 6 AS is_looked_at,
    carried.month_index AS last_item_month_index,
    CASE WHEN ahead.months_ahead = 0 THEN carried.ome_mg ELSE 0 END AS ome_mg,
    CASE WHEN ahead.months_ahead = 0 THEN carried.ome_mg_counted ELSE 0 END AS ome_mg_1m,
    carried.age,
    carried.sex,
    carried.imd_decile,
    CASE
        WHEN carried.registered_month_index > carried.month_index + ahead.months_ahead - 6
            THEN carried.registered_practice_code
        WHEN carried.opioid_practice_month_index > carried.month_index + ahead.months_ahead - 6
            THEN carried.opioid_practice_code
        WHEN carried.any_practice_month_index > carried.month_index + ahead.months_ahead - 6
            THEN carried.any_practice_code
    END AS practice_code,
    carried.ome_mg_so_far,
    carried.opioid_months_so_far,
    carried.last_opioid_month_index,
    carried.last_gabapentinoid_month_index,
    carried.last_benzodiazepine_month_index,
    carried.last_z_drug_month_index,
    runs.allowed_empty_months,
    runs.episode_month_index,
    runs.ome_mg_before_episode,
    runs.run_month_index,
FROM intermediate.int_patient_months__carried AS carried
INNER JOIN ahead USING (months_carried)
LEFT JOIN intermediate.int_opioid_months__runs AS runs
    ON carried.patient_number = runs.patient_number AND carried.last_opioid_month_index = runs.month_index
