-- Running sums of each patient-month, and what they were three to thirteen months ago.
--
-- Grain: one row per patient and loaded month in whose last six months (it included) an item was dispensed.
-- Key: patient_number, month_index
-- Kind: view
--
-- What a window holds is the difference of two running sums.
WITH looked_back AS (
    SELECT
        spine.patient_number,
        spine.month_index,
        spine.last_item_month_index,
        spine.ome_mg,
        spine.ome_mg_1m,
        spine.age,
        spine.sex,
        spine.imd_decile,
        spine.practice_code,
        spine.last_opioid_month_index,
        spine.last_gabapentinoid_month_index,
        spine.last_benzodiazepine_month_index,
        spine.last_z_drug_month_index,
        spine.ome_mg_so_far,
        spine.opioid_months_so_far,
        spine.is_looked_at,
        lag(spine.ome_mg_so_far, 3, 0) OVER by_month AS ome_mg_3_ago,
        lag(spine.ome_mg_so_far, 6, 0) OVER by_month AS ome_mg_6_ago,
        lag(spine.ome_mg_so_far, 9, 0) OVER by_month AS ome_mg_9_ago,
        lag(spine.ome_mg_so_far, 12, 0) OVER by_month AS ome_mg_12_ago,
        lag(spine.opioid_months_so_far, 3, 0) OVER by_month AS opioid_months_3_ago,
        lag(spine.opioid_months_so_far, 6, 0) OVER by_month AS opioid_months_6_ago,
        lag(spine.opioid_months_so_far, 9, 0) OVER by_month AS opioid_months_9_ago,
        lag(spine.opioid_months_so_far, 12, 0) OVER by_month AS opioid_months_12_ago,
        lag(spine.opioid_months_so_far, 13, 0) OVER by_month AS opioid_months_13_ago,
        -- Where the patient was looked at six months before; the episode is NULL where none had begun.
        lag(spine.is_looked_at, 6, FALSE) OVER by_month AS is_looked_at_6_ago,
        lag(CASE WHEN spine.is_looked_at THEN spine.episode_month_index END, 6) OVER by_month
            AS episode_month_index_6_ago,
        spine.allowed_empty_months,
        spine.episode_month_index,
        spine.ome_mg_before_episode,
        spine.run_month_index,
    FROM intermediate.int_patient_months__spine AS spine
    WINDOW by_month AS (PARTITION BY spine.patient_number ORDER BY spine.month_index)
)

SELECT
    looked_back.patient_number,
    looked_back.month_index,
    looked_back.last_item_month_index,
    looked_back.ome_mg,
    looked_back.ome_mg_1m,
    looked_back.age,
    looked_back.sex,
    looked_back.imd_decile,
    looked_back.practice_code,
    looked_back.last_opioid_month_index,
    looked_back.last_gabapentinoid_month_index,
    looked_back.last_benzodiazepine_month_index,
    looked_back.last_z_drug_month_index,
    looked_back.ome_mg_so_far,
    looked_back.opioid_months_so_far,
    looked_back.ome_mg_3_ago,
    looked_back.ome_mg_6_ago,
    looked_back.ome_mg_9_ago,
    looked_back.ome_mg_12_ago,
    looked_back.opioid_months_3_ago,
    looked_back.opioid_months_6_ago,
    looked_back.opioid_months_9_ago,
    looked_back.opioid_months_12_ago,
    looked_back.opioid_months_13_ago,
    looked_back.is_looked_at_6_ago,
    looked_back.episode_month_index_6_ago,
    looked_back.allowed_empty_months,
    looked_back.episode_month_index,
    looked_back.ome_mg_before_episode,
    looked_back.run_month_index,
FROM looked_back
INNER JOIN intermediate.int_months__patient AS months USING (month_index)
WHERE looked_back.is_looked_at AND months.is_loaded
