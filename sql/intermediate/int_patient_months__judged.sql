-- Every patient in every month in which they are looked at: dose per day, cohorts, what limits them, and the sums behind.
--
-- Grain: one row per patient and month in whose last six months (it included) an item of a followed class was dispensed.
-- Key: patient_number, month_index
--
-- Doses are oral morphine equivalents (OME) dispensed in the window divided by its days, parenteral opioids apart,
-- rounded half up to four decimals; cohorts are judged on the unrounded sums. A cohort that is NULL cannot be judged yet.
-- Age, palliative signs and exclusions never change a cohort. This is the one table that is as long as the people's months:
-- what leads to it are views, since writing costs as much as reckoning, and whoever needs the sums of a window reads them
-- here.
-- palliative_proxy is NULL where the extract holds no just-in-case product for anyone: then absence says nothing.
WITH extract AS (
    SELECT count(*) > 0 AS has_just_in_case_products,
    FROM intermediate.int_items__classified
    WHERE source = 'patient' AND product_class = 'just_in_case'
),

excluded_people AS (
    SELECT patients.patient_number,
    FROM intermediate.int_reviews__exclusions
    INNER JOIN intermediate.int_patients__numbered AS patients USING (patient_key)
)

SELECT
    cohorts.patient_number,
    cohorts.month_index,
    cohorts.month,
    cohorts.practice_code,
    cohorts.age,
    cohorts.sex,
    cohorts.imd_decile,
    cohorts.ome_mg,
    CAST(
        CAST(
            floor((CAST(20000 * cohorts.ome_mg_1m AS DOUBLE) + cohorts.days_1m) / (2 * cohorts.days_1m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_1m,
    CAST(
        CAST(
            floor((CAST(20000 * cohorts.ome_mg_3m AS DOUBLE) + cohorts.days_3m) / (2 * cohorts.days_3m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_3m,
    CAST(
        CAST(
            floor((CAST(20000 * cohorts.ome_mg_6m AS DOUBLE) + cohorts.days_6m) / (2 * cohorts.days_6m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_6m,
    CAST(
        CAST(
            floor((CAST(20000 * cohorts.ome_mg_12m AS DOUBLE) + cohorts.days_12m) / (2 * cohorts.days_12m)) AS DECIMAL(14, 0)
        ) * 0.0001 AS DECIMAL(18, 4)
    ) AS ome_mg_per_day_12m,
    cohorts.ome_mg_parenteral_3m,
    cohorts.ome_mg_ir_fentanyl_3m,
    CAST(cohorts.window_months_covered AS INTEGER) AS window_months_covered,
    episode_months.month AS episode_month,
    cohorts.loaded_months_3m < 3 AND cohorts.calendar_month_number >= 3 AS window_has_missing_month,
    CAST(cohorts.opioid_run_months AS INTEGER) AS opioid_run_months,
    cohorts.left_censored,
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
    cohorts.has_methadone_3m AS methadone_3m,
    cohorts.has_ir_fentanyl_3m AS immediate_release_fentanyl_3m,
    cohorts.age >= $people_adult_age_years AS is_adult,
    CASE
        WHEN NOT extract.has_just_in_case_products THEN NULL
        WHEN palliative.is_strong THEN 'strong'
        WHEN NOT palliative.is_strong THEN 'moderate'
        WHEN palliative.is_strong IS NULL THEN 'none'
    END AS palliative_proxy,
    excluded_people.patient_number IS NOT NULL AS excluded,
    item_months.month AS last_dispensed_month,
    nullif(
        concat_ws(
            '; ',
            CASE WHEN NOT cohorts.has_item THEN 'no_item_this_month' END,
            CASE WHEN cohorts.near_threshold THEN 'near_threshold' END,
            CASE WHEN cohorts.dose_is_lower_bound THEN 'dose_is_lower_bound' END,
            CASE WHEN cohorts.has_methadone_3m THEN 'methadone_present' END,
            CASE WHEN cohorts.has_ir_fentanyl_3m THEN 'immediate_release_fentanyl' END,
            CASE WHEN cohorts.has_patch_wear_assumed_3m THEN 'patch_wear_assumed' END,
            CASE WHEN cohorts.has_implausible_quantity_3m THEN 'implausible_quantity' END,
            CASE WHEN cohorts.age IS NULL THEN 'age_unknown' END
        ),
        ''
    ) AS cautions,
    cohorts.last_item_month_index,
    cohorts.episode_month_index,
    cohorts.opioid_months_3m,
    cohorts.window_months_reached,
    cohorts.days_1m,
    cohorts.days_3m,
    cohorts.days_6m,
    cohorts.days_12m,
    cohorts.days_3m_six_before,
    cohorts.ome_mg_3m,
    cohorts.ome_mg_6m,
    cohorts.ome_mg_3m_six_before,
FROM intermediate.int_patient_months__cohorts AS cohorts
INNER JOIN intermediate.int_months__patient AS item_months ON cohorts.last_item_month_index = item_months.month_index
LEFT JOIN intermediate.int_months__patient AS episode_months
    ON cohorts.episode_month_index = episode_months.month_index
LEFT JOIN intermediate.int_patient_months__palliative AS palliative
    ON cohorts.patient_number = palliative.patient_number AND cohorts.month_index = palliative.month_index
LEFT JOIN excluded_people ON cohorts.patient_number = excluded_people.patient_number
CROSS JOIN extract
