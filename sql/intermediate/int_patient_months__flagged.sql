-- Every patient in every month in which they are looked at: dose per day, cohorts, and what limits them.
--
-- Grain: one row per patient and month in whose last six months (it included) an item of a followed class was dispensed.
-- Key: patient_key, month
--
-- Doses are oral morphine equivalents (OME) dispensed in the window divided by its days, parenteral opioids apart,
-- rounded half up to four decimals; cohorts are judged on the unrounded sums. A cohort that is NULL cannot be judged yet:
-- null_reason says which. Age, palliative signs and exclusions never change a cohort.
SELECT
    windows.patient_key,
    windows.month,
    practice.practice_code,
    people.age,
    people.sex,
    people.imd_decile,
    CAST(windows.ome_mg AS DECIMAL(18, 4)) AS ome_mg,
    CAST(
        CAST(
            floor((CAST(20000 * windows.ome_mg_1m AS DOUBLE) + windows.days_1m) / (2 * windows.days_1m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_1m,
    CAST(
        CAST(
            floor((CAST(20000 * windows.ome_mg_3m AS DOUBLE) + windows.days_3m) / (2 * windows.days_3m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_3m,
    CAST(
        CAST(
            floor((CAST(20000 * windows.ome_mg_6m AS DOUBLE) + windows.days_6m) / (2 * windows.days_6m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_6m,
    CAST(
        CAST(
            floor((CAST(20000 * windows.ome_mg_12m AS DOUBLE) + windows.days_12m) / (2 * windows.days_12m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_12m,
    CAST(windows.ome_mg_parenteral_3m AS DECIMAL(18, 4)) AS ome_mg_parenteral_3m,
    CAST(windows.ome_mg_ir_fentanyl_3m AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl_3m,
    CAST(windows.window_months_covered AS INTEGER) AS window_months_covered,
    windows.loaded_months_3m < 3 AND windows.calendar_month_number >= 3 AS window_has_missing_month,
    CAST(windows.opioid_run_months AS INTEGER) AS opioid_run_months,
    windows.left_censored,
    cohorts.high_dose_status,
    cohorts.high_dose_status_ge120,
    cohorts.high_dose_status_gt90,
    cohorts.high_dose_status_ge90,
    cohorts.any_opioid,
    cohorts.high_dose,
    cohorts.high_dose_possible,
    cohorts.high_dose_recent,
    cohorts.high_dose_new,
    cohorts.high_dose_ge120,
    cohorts.high_dose_gt90,
    cohorts.high_dose_ge90,
    cohorts.near_threshold,
    cohorts.dose_is_lower_bound,
    cohorts.long_term,
    cohorts.long_term_3m,
    cohorts.at_risk_3_to_6m,
    cohorts.opioid_gabapentinoid,
    cohorts.opioid_gabapentinoid_3m,
    cohorts.opioid_benzodiazepine,
    cohorts.opioid_benzodiazepine_3m,
    cohorts.opioid_z_drug,
    cohorts.opioid_z_drug_3m,
    cohorts.opioid_two_or_more_sedatives,
    cohorts.opioid_two_or_more_sedatives_3m,
    cohorts.high_dose_long_term,
    cohorts.high_dose_gabapentinoid,
    cohorts.all_three,
    cohorts.escalating_status,
    cohorts.escalating,
    cohorts.rapid_escalation_status,
    cohorts.rapid_escalation,
    cohorts.new_user,
    cohorts.in_dependence_treatment,
    windows.has_methadone_3m AS methadone_3m,
    windows.has_ir_fentanyl_3m AS immediate_release_fentanyl_3m,
    people.age >= $people_adult_age_years AS is_adult,
    palliative.palliative_proxy,
    FALSE AS excluded,
    item_months.month AS last_dispensed_month,
    nullif(
        concat_ws(
            '; ',
            CASE WHEN NOT windows.has_item THEN 'no_item_this_month' END,
            CASE WHEN cohorts.near_threshold THEN 'near_threshold' END,
            CASE WHEN windows.dose_is_lower_bound THEN 'dose_is_lower_bound' END,
            CASE WHEN windows.has_methadone_3m THEN 'methadone_present' END,
            CASE WHEN windows.has_ir_fentanyl_3m THEN 'immediate_release_fentanyl' END,
            CASE WHEN windows.has_patch_wear_assumed_3m THEN 'patch_wear_assumed' END,
            CASE WHEN windows.has_implausible_quantity_3m THEN 'implausible_quantity' END,
            CASE WHEN people.age IS NULL THEN 'age_unknown' END
        ),
        ''
    ) AS cautions,
    CASE
        WHEN windows.data_month_number < $first_month_of_data_high_dose THEN 'history_too_short: dose and time cohorts'
        WHEN windows.data_month_number < $first_month_of_data_long_term_3m
            THEN 'history_too_short: long_term_3m, long_term, at_risk_3_to_6m, escalation, new_user'
        WHEN windows.data_month_number < $first_month_of_data_long_term
            THEN 'history_too_short: long_term, at_risk_3_to_6m, escalation, new_user'
        WHEN windows.data_month_number < $first_month_of_data_rapid_escalation
            THEN 'history_too_short: escalation, new_user'
        WHEN windows.data_month_number < $first_month_of_data_escalating THEN 'history_too_short: escalating, new_user'
        WHEN windows.data_month_number < $first_month_of_data_new_user THEN 'history_too_short: new_user'
    END AS null_reason,
FROM intermediate.int_patient_months__windows AS windows
INNER JOIN intermediate.int_patient_months__cohorts AS cohorts USING (patient_key, month_index)
INNER JOIN intermediate.int_patient_months__practice AS practice USING (patient_key, month_index)
INNER JOIN intermediate.int_patient_months__palliative AS palliative USING (patient_key, month_index)
INNER JOIN intermediate.int_months__patient AS item_months ON windows.last_item_month_index = item_months.month_index
LEFT JOIN intermediate.int_patient_months__people AS people
    ON windows.patient_key = people.patient_key AND item_months.month = people.month
