-- Dose windows, runs and the recent presence of each class, for every patient-month.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_number, month_index
-- Kind: view
--
-- OME of a window is a sum over its months; its days are those of the loaded months it reaches over. A window is cut at
-- the start of the episode: of two nested windows the shorter has both the smaller sum and the fewer days, hence least().
-- The parenteral route is beside the dose, not in it.
SELECT
    patient_number,
    patients.patient_key,
    summed.month_index,
    months.month,
    months.calendar_month_number,
    months.data_month_number,
    months.loaded_months_3m,
    months.loaded_months_3m_six_before,
    months.loaded_months_12m,
    months.loaded_days_6m_before,
    summed.last_item_month_index,
    summed.last_opioid_month_index,
    summed.episode_month_index,
    summed.age,
    summed.sex,
    summed.imd_decile,
    summed.practice_code,
    coalesce(
        months.data_month_number - last_opioid.data_month_number <= summed.allowed_empty_months, FALSE
    ) AS is_run_open,
    CASE
        WHEN months.data_month_number - last_opioid.data_month_number <= summed.allowed_empty_months
            THEN summed.last_opioid_month_index - summed.run_month_index + 1
        ELSE 0
    END AS opioid_run_months,
    coalesce(
        months.data_month_number - last_opioid.data_month_number <= summed.allowed_empty_months
        AND run.data_month_number <= $long_term_left_censored_data_months,
        FALSE
    ) AS left_censored,
    least(months.loaded_days_1m, months.loaded_days_so_far - episode.loaded_days_before) AS days_1m,
    least(months.loaded_days_3m, months.loaded_days_so_far - episode.loaded_days_before) AS days_3m,
    least(months.loaded_days_6m, months.loaded_days_so_far - episode.loaded_days_before) AS days_6m,
    least(months.loaded_days_12m, months.loaded_days_so_far - episode.loaded_days_before) AS days_12m,
    least(months.loaded_months_3m, months.data_month_number - episode.data_month_number + 1)
        AS window_months_covered,
    least(3, months.calendar_month_number, summed.month_index - summed.episode_month_index + 1) AS window_months_reached,
    coalesce(summed.last_opioid_month_index = summed.month_index, FALSE) AS is_opioid_month,
    summed.last_item_month_index = summed.month_index AS has_item,
    CAST(summed.ome_mg AS DECIMAL(18, 4)) AS ome_mg,
    CAST(summed.ome_mg_1m AS DECIMAL(18, 4)) AS ome_mg_1m,
    CAST(summed.ome_mg_so_far - summed.ome_mg_3_ago AS DECIMAL(18, 4)) AS ome_mg_3m,
    CAST(summed.ome_mg_so_far - summed.ome_mg_6_ago AS DECIMAL(18, 4)) AS ome_mg_6m,
    CAST(
        summed.ome_mg_so_far - greatest(summed.ome_mg_12_ago, coalesce(summed.ome_mg_before_episode, 0))
        AS DECIMAL(18, 4)
    ) AS ome_mg_12m,
    CAST(summed.ome_mg_6_ago - summed.ome_mg_12_ago AS DECIMAL(18, 4)) AS ome_mg_6m_before,
    CAST(summed.ome_mg_6_ago - summed.ome_mg_9_ago AS DECIMAL(18, 4)) AS ome_mg_3m_six_before,
    CASE
        WHEN summed.is_looked_at_6_ago AND six_before.is_loaded
            THEN least(
                six_before.loaded_days_3m, six_before.loaded_days_so_far - coalesce(episode_six_before.loaded_days_before, 0)
            )
    END AS days_3m_six_before,
    summed.opioid_months_so_far - summed.opioid_months_3_ago AS opioid_months_3m,
    summed.opioid_months_so_far - summed.opioid_months_6_ago AS opioid_months_6m,
    summed.opioid_months_6_ago - summed.opioid_months_12_ago AS opioid_months_6m_before,
    summed.opioid_months_6_ago - summed.opioid_months_9_ago AS opioid_months_3m_six_before,
    summed.opioid_months_so_far - CASE WHEN summed.last_opioid_month_index = summed.month_index THEN 1 ELSE 0 END
    - summed.opioid_months_13_ago AS opioid_months_12m_before,
    coalesce(summed.last_gabapentinoid_month_index = summed.month_index, FALSE) AS has_gabapentinoid,
    coalesce(summed.last_benzodiazepine_month_index = summed.month_index, FALSE) AS has_benzodiazepine,
    coalesce(summed.last_z_drug_month_index = summed.month_index, FALSE) AS has_z_drug,
    coalesce(summed.last_gabapentinoid_month_index > summed.month_index - 3, FALSE) AS has_gabapentinoid_3m,
    coalesce(summed.last_benzodiazepine_month_index > summed.month_index - 3, FALSE) AS has_benzodiazepine_3m,
    coalesce(summed.last_z_drug_month_index > summed.month_index - 3, FALSE) AS has_z_drug_3m,
    coalesce(signs.ome_mg_parenteral_3m, 0) AS ome_mg_parenteral_3m,
    coalesce(signs.ome_mg_ir_fentanyl_3m, 0) AS ome_mg_ir_fentanyl_3m,
    coalesce(signs.has_unconverted_item_3m, FALSE) AS dose_is_lower_bound,
    coalesce(signs.has_methadone_3m, FALSE) AS has_methadone_3m,
    coalesce(signs.has_ir_fentanyl_3m, FALSE) AS has_ir_fentanyl_3m,
    coalesce(signs.has_implausible_quantity_3m, FALSE) AS has_implausible_quantity_3m,
    coalesce(signs.has_patch_wear_assumed_3m, FALSE) AS has_patch_wear_assumed_3m,
    coalesce(signs.has_dependence_treatment_6m, FALSE) AS has_dependence_treatment_6m,
FROM intermediate.int_patient_months__summed AS summed
INNER JOIN intermediate.int_patients__numbered AS patients USING (patient_number)
INNER JOIN intermediate.int_months__patient AS months USING (month_index)
LEFT JOIN intermediate.int_patient_months__signs AS signs USING (patient_number, month_index)
LEFT JOIN intermediate.int_months__patient AS six_before ON summed.month_index = six_before.month_index + 6
LEFT JOIN intermediate.int_months__patient AS last_opioid ON summed.last_opioid_month_index = last_opioid.month_index
LEFT JOIN intermediate.int_months__patient AS episode ON summed.episode_month_index = episode.month_index
LEFT JOIN intermediate.int_months__patient AS episode_six_before
    ON summed.episode_month_index_6_ago = episode_six_before.month_index
LEFT JOIN intermediate.int_months__patient AS run ON summed.run_month_index = run.month_index
