-- The cohorts: pure dose and time rules, per patient and month.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_number, month_index
-- Kind: view
--
-- A cohort is NULL before the month of data in which its rule can first be judged, TRUE or FALSE after. Age, palliative
-- signs and exclusions play no part: they stand beside the cohorts in marts.patient_month.
WITH statuses AS (
    SELECT
        *,
        CASE
            WHEN is_too_early THEN 'unknown'
            WHEN above_3m_gt120 AND above_6m_gt120 AND is_covered THEN 'confirmed'
            WHEN above_3m_gt120 AND is_covered THEN 'possible'
            WHEN above_3m_gt120 AND left_censored THEN 'unknown'
            WHEN above_3m_gt120 THEN 'new'
            WHEN above_6m_gt120 THEN 'recent'
            WHEN NOT above_3m_gt120 AND NOT above_6m_gt120 THEN 'below'
        END AS status_gt120,
        CASE
            WHEN is_too_early THEN 'unknown'
            WHEN above_3m_ge120 AND above_6m_ge120 AND is_covered THEN 'confirmed'
            WHEN above_3m_ge120 AND is_covered THEN 'possible'
            WHEN above_3m_ge120 AND left_censored THEN 'unknown'
            WHEN above_3m_ge120 THEN 'new'
            WHEN above_6m_ge120 THEN 'recent'
            WHEN NOT above_3m_ge120 AND NOT above_6m_ge120 THEN 'below'
        END AS status_ge120,
        CASE
            WHEN is_too_early THEN 'unknown'
            WHEN above_3m_gt90 AND above_6m_gt90 AND is_covered THEN 'confirmed'
            WHEN above_3m_gt90 AND is_covered THEN 'possible'
            WHEN above_3m_gt90 AND left_censored THEN 'unknown'
            WHEN above_3m_gt90 THEN 'new'
            WHEN above_6m_gt90 THEN 'recent'
            WHEN NOT above_3m_gt90 AND NOT above_6m_gt90 THEN 'below'
        END AS status_gt90,
        CASE
            WHEN is_too_early THEN 'unknown'
            WHEN above_3m_ge90 AND above_6m_ge90 AND is_covered THEN 'confirmed'
            WHEN above_3m_ge90 AND is_covered THEN 'possible'
            WHEN above_3m_ge90 AND left_censored THEN 'unknown'
            WHEN above_3m_ge90 THEN 'new'
            WHEN above_6m_ge90 THEN 'recent'
            WHEN NOT above_3m_ge90 AND NOT above_6m_ge90 THEN 'below'
        END AS status_ge90,
    FROM intermediate.int_patient_months__thresholds
),

judged AS (
    SELECT
        *,
        is_opioid_month AS any_opioid,
        data_month_number >= $first_month_of_data_high_dose AS can_judge_high_dose,
        data_month_number >= $first_month_of_data_long_term_3m AS can_judge_long_term_3m,
        data_month_number >= $first_month_of_data_long_term AS can_judge_long_term,
        data_month_number >= $first_month_of_data_rapid_escalation AS can_judge_rapid_escalation,
        data_month_number >= $first_month_of_data_escalating AS can_judge_escalating,
        data_month_number >= $first_month_of_data_new_user AS can_judge_new_user,
        status_gt120 = 'confirmed' AS is_high_dose,
        opioid_run_months >= $long_term_months AS is_long_term,
        opioid_run_months >= $long_term_months_3m AS is_long_term_3m,
        opioid_run_months BETWEEN $long_term_months_3m AND $long_term_months - 1 AND NOT left_censored
            AS is_at_risk,
        is_opioid_month AND has_gabapentinoid AS with_gabapentinoid,
        is_opioid_month AND has_benzodiazepine AS with_benzodiazepine,
        is_opioid_month AND has_z_drug AS with_z_drug,
        opioid_months_3m > 0 AND has_gabapentinoid_3m AS with_gabapentinoid_3m,
        opioid_months_3m > 0 AND has_benzodiazepine_3m AS with_benzodiazepine_3m,
        opioid_months_3m > 0 AND has_z_drug_3m AS with_z_drug_3m,
        opioid_months_6m > 0 AND has_dependence_treatment_6m AS in_dependence_treatment,
        -- Both windows of six months complete: loaded, and within one episode.
        loaded_months_12m = 12
            AND coalesce(episode_month_index <= month_index - 11, FALSE)
            AND opioid_months_6m >= $escalation_escalating_opioid_months_of_6
            AND opioid_months_6m_before >= $escalation_escalating_opioid_months_of_6 AS can_escalate,
        ome_mg_6m * loaded_days_6m_before
            > $escalation_escalating_ratio * ome_mg_6m_before * days_6m
        AND ome_mg_6m * loaded_days_6m_before - ome_mg_6m_before * days_6m
            >= CAST($escalation_escalating_ome_mg_per_day * days_6m * loaded_days_6m_before AS DECIMAL(18, 4))
            AS is_escalating,
        loaded_months_3m = 3
            AND loaded_months_3m_six_before = 3
            AND opioid_months_3m >= $escalation_rapid_opioid_months_of_3
            AND opioid_months_3m_six_before >= $escalation_rapid_opioid_months_of_3 AS can_escalate_rapidly,
        coalesce(
            ome_mg_3m * days_3m_six_before
            >= $escalation_rapid_ratio * ome_mg_3m_six_before * days_3m
            AND ome_mg_3m * days_3m_six_before - ome_mg_3m_six_before * days_3m
            >= CAST($escalation_rapid_ome_mg_per_day * days_3m * days_3m_six_before AS DECIMAL(18, 4)),
            FALSE
        ) AS is_escalating_rapidly,
    FROM statuses
)

SELECT
    judged.*,
    status_gt120 AS high_dose_status,
    status_ge120 AS high_dose_status_ge120,
    status_gt90 AS high_dose_status_gt90,
    status_ge90 AS high_dose_status_ge90,
    CASE WHEN can_judge_high_dose THEN is_high_dose END AS high_dose,
    CASE WHEN can_judge_high_dose THEN status_gt120 = 'possible' END AS high_dose_possible,
    CASE WHEN can_judge_high_dose THEN status_gt120 = 'recent' END AS high_dose_recent,
    CASE WHEN can_judge_high_dose THEN status_gt120 = 'new' END AS high_dose_new,
    CASE WHEN can_judge_high_dose THEN status_ge120 = 'confirmed' END AS high_dose_ge120,
    CASE WHEN can_judge_high_dose THEN status_gt90 = 'confirmed' END AS high_dose_gt90,
    CASE WHEN can_judge_high_dose THEN status_ge90 = 'confirmed' END AS high_dose_ge90,
    CASE WHEN can_judge_high_dose THEN is_near_threshold END AS near_threshold,
    CASE WHEN can_judge_long_term THEN is_long_term END AS long_term,
    CASE WHEN can_judge_long_term_3m THEN is_long_term_3m END AS long_term_3m,
    CASE WHEN can_judge_long_term THEN is_at_risk END AS at_risk_3_to_6m,
    with_gabapentinoid AS opioid_gabapentinoid,
    with_gabapentinoid_3m AS opioid_gabapentinoid_3m,
    with_benzodiazepine AS opioid_benzodiazepine,
    with_benzodiazepine_3m AS opioid_benzodiazepine_3m,
    with_z_drug AS opioid_z_drug,
    with_z_drug_3m AS opioid_z_drug_3m,
    (with_gabapentinoid AND with_benzodiazepine) OR (with_gabapentinoid AND with_z_drug)
    OR (with_benzodiazepine AND with_z_drug) AS opioid_two_or_more_sedatives,
    (with_gabapentinoid_3m AND with_benzodiazepine_3m) OR (with_gabapentinoid_3m AND with_z_drug_3m)
    OR (with_benzodiazepine_3m AND with_z_drug_3m) AS opioid_two_or_more_sedatives_3m,
    CASE WHEN can_judge_long_term THEN is_high_dose AND is_long_term END AS high_dose_long_term,
    CASE WHEN can_judge_high_dose THEN is_high_dose AND with_gabapentinoid END AS high_dose_gabapentinoid,
    CASE WHEN can_judge_long_term THEN is_high_dose AND is_long_term AND with_gabapentinoid END AS all_three,
    CASE
        WHEN NOT can_judge_escalating THEN NULL
        WHEN NOT can_escalate THEN 'not_assessable'
        WHEN is_escalating THEN 'yes'
        WHEN NOT is_escalating THEN 'no'
    END AS escalating_status,
    CASE WHEN can_judge_escalating THEN can_escalate AND is_escalating END AS escalating,
    CASE
        WHEN NOT can_judge_rapid_escalation THEN NULL
        WHEN NOT can_escalate_rapidly THEN 'not_assessable'
        WHEN is_escalating_rapidly THEN 'yes'
        WHEN NOT is_escalating_rapidly THEN 'no'
    END AS rapid_escalation_status,
    CASE WHEN can_judge_rapid_escalation THEN can_escalate_rapidly AND is_escalating_rapidly END AS rapid_escalation,
    CASE WHEN can_judge_new_user THEN any_opioid AND opioid_months_12m_before = 0 END AS new_user,
FROM judged
