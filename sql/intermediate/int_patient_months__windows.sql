-- Dose windows, runs and the recent presence of each class, for every patient-month.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_key, month_index
--
-- OME of a window is a sum over its months; its days are those of the loaded months it reaches over. A window is cut at
-- the start of the episode: of two nested windows the shorter has both the smaller sum and the fewer days, hence least().
-- The parenteral route is beside the dose, not in it.
WITH spine AS (
    SELECT
        spine.patient_key,
        spine.month_index,
        spine.month,
        spine.last_opioid_month_index,
        spine.last_item_month_index,
        months.calendar_month_number,
        months.data_month_number,
        months.loaded_days_so_far,
        months.loaded_days_1m,
        months.loaded_days_3m,
        months.loaded_days_6m,
        months.loaded_days_12m,
        months.loaded_days_6m_before,
        months.loaded_months_3m,
        months.loaded_months_3m_six_before,
        months.loaded_months_12m,
    FROM intermediate.int_patient_months__spine AS spine
    INNER JOIN intermediate.int_months__patient AS months USING (month_index)
),

filled AS (
    SELECT
        spine.patient_key,
        spine.month_index,
        spine.month,
        spine.last_item_month_index,
        spine.last_opioid_month_index,
        spine.calendar_month_number,
        spine.data_month_number,
        spine.loaded_months_3m,
        spine.loaded_months_3m_six_before,
        spine.loaded_months_12m,
        spine.loaded_days_6m_before,
        runs.episode_month_index,
        runs.run_month_index,
        runs.run_data_month_number,
        runs.ome_mg_before_episode,
        coalesce(spine.data_month_number - runs.data_month_number <= runs.allowed_empty_months, FALSE) AS is_run_open,
        least(spine.loaded_days_1m, spine.loaded_days_so_far - runs.loaded_days_before_episode) AS days_1m,
        least(spine.loaded_days_3m, spine.loaded_days_so_far - runs.loaded_days_before_episode) AS days_3m,
        least(spine.loaded_days_6m, spine.loaded_days_so_far - runs.loaded_days_before_episode) AS days_6m,
        least(spine.loaded_days_12m, spine.loaded_days_so_far - runs.loaded_days_before_episode) AS days_12m,
        least(spine.loaded_months_3m, spine.data_month_number - runs.episode_data_month_number + 1) AS window_months_covered,
        least(3, spine.calendar_month_number, spine.month_index - runs.episode_month_index + 1) AS window_months_reached,
        coalesce(dispensed.is_opioid_month, FALSE) AS is_opioid_month,
        CASE WHEN dispensed.is_opioid_month THEN 1 ELSE 0 END AS opioid_months,
        CAST(coalesce(dispensed.ome_mg, 0) AS DECIMAL(18, 4)) AS ome_mg,
        CAST(coalesce(dispensed.ome_mg_counted, 0) AS DECIMAL(18, 4)) AS ome_mg_counted,
        CAST(coalesce(dispensed.ome_mg_parenteral, 0) AS DECIMAL(18, 4)) AS ome_mg_parenteral,
        CAST(coalesce(dispensed.ome_mg_ir_fentanyl, 0) AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl,
        coalesce(dispensed.unconverted_items, 0) AS unconverted_items,
        coalesce(dispensed.has_methadone, FALSE) AS has_methadone,
        coalesce(dispensed.has_ir_fentanyl, FALSE) AS has_ir_fentanyl,
        coalesce(dispensed.has_implausible_quantity, FALSE) AS has_implausible_quantity,
        coalesce(dispensed.has_patch_wear_assumed, FALSE) AS has_patch_wear_assumed,
        coalesce(dispensed.has_gabapentinoid, FALSE) AS has_gabapentinoid,
        coalesce(dispensed.has_benzodiazepine, FALSE) AS has_benzodiazepine,
        coalesce(dispensed.has_z_drug, FALSE) AS has_z_drug,
        coalesce(dispensed.has_dependence_treatment, FALSE) AS has_dependence_treatment,
        dispensed.patient_key IS NOT NULL AS has_item,
    FROM spine
    LEFT JOIN intermediate.int_patient_months__dispensed AS dispensed USING (patient_key, month_index)
    LEFT JOIN intermediate.int_opioid_months__runs AS runs
        ON spine.patient_key = runs.patient_key AND spine.last_opioid_month_index = runs.month_index
)

SELECT
    patient_key,
    month_index,
    month,
    last_item_month_index,
    last_opioid_month_index,
    calendar_month_number,
    data_month_number,
    loaded_months_3m,
    loaded_months_3m_six_before,
    loaded_months_12m,
    loaded_days_6m_before,
    episode_month_index,
    is_run_open,
    CASE WHEN is_run_open THEN last_opioid_month_index - run_month_index + 1 ELSE 0 END AS opioid_run_months,
    is_run_open AND run_data_month_number <= $long_term_left_censored_data_months AS left_censored,
    days_1m,
    days_3m,
    days_6m,
    days_12m,
    window_months_covered,
    window_months_reached,
    is_opioid_month,
    has_item,
    ome_mg,
    ome_mg_counted AS ome_mg_1m,
    CAST(sum(ome_mg_counted) OVER last_3 AS DECIMAL(18, 4)) AS ome_mg_3m,
    CAST(sum(ome_mg_counted) OVER last_6 AS DECIMAL(18, 4)) AS ome_mg_6m,
    CAST(
        least(
            sum(ome_mg_counted) OVER last_12,
            sum(ome_mg_counted) OVER so_far - coalesce(ome_mg_before_episode, 0)
        ) AS DECIMAL(18, 4)
    ) AS ome_mg_12m,
    CAST(coalesce(sum(ome_mg_counted) OVER six_before, 0) AS DECIMAL(18, 4)) AS ome_mg_6m_before,
    CAST(coalesce(sum(ome_mg_counted) OVER three_six_before, 0) AS DECIMAL(18, 4)) AS ome_mg_3m_six_before,
    max(days_3m) OVER at_six_before AS days_3m_six_before,
    CAST(sum(opioid_months) OVER last_3 AS INTEGER) AS opioid_months_3m,
    CAST(sum(opioid_months) OVER last_6 AS INTEGER) AS opioid_months_6m,
    CAST(coalesce(sum(opioid_months) OVER six_before, 0) AS INTEGER) AS opioid_months_6m_before,
    CAST(coalesce(sum(opioid_months) OVER three_six_before, 0) AS INTEGER) AS opioid_months_3m_six_before,
    CAST(coalesce(sum(opioid_months) OVER twelve_before, 0) AS INTEGER) AS opioid_months_12m_before,
    CAST(sum(ome_mg_parenteral) OVER last_3 AS DECIMAL(18, 4)) AS ome_mg_parenteral_3m,
    CAST(sum(ome_mg_ir_fentanyl) OVER last_3 AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl_3m,
    sum(unconverted_items) OVER last_3 > 0 AS dose_is_lower_bound,
    bool_or(has_methadone) OVER last_3 AS has_methadone_3m,
    bool_or(has_ir_fentanyl) OVER last_3 AS has_ir_fentanyl_3m,
    bool_or(has_implausible_quantity) OVER last_3 AS has_implausible_quantity_3m,
    bool_or(has_patch_wear_assumed) OVER last_3 AS has_patch_wear_assumed_3m,
    has_gabapentinoid,
    has_benzodiazepine,
    has_z_drug,
    bool_or(has_gabapentinoid) OVER last_3 AS has_gabapentinoid_3m,
    bool_or(has_benzodiazepine) OVER last_3 AS has_benzodiazepine_3m,
    bool_or(has_z_drug) OVER last_3 AS has_z_drug_3m,
    bool_or(has_dependence_treatment) OVER last_6 AS has_dependence_treatment_6m,
FROM filled
WINDOW
    so_far AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
    last_3 AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 2 PRECEDING AND CURRENT ROW),
    last_6 AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 5 PRECEDING AND CURRENT ROW),
    last_12 AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 11 PRECEDING AND CURRENT ROW),
    six_before AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 11 PRECEDING AND 6 PRECEDING),
    three_six_before AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 8 PRECEDING AND 6 PRECEDING),
    at_six_before AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 6 PRECEDING AND 6 PRECEDING),
    twelve_before AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 12 PRECEDING AND 1 PRECEDING)
