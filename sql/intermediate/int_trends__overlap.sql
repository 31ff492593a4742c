-- How many people are in a cohort both in its baseline month and in a later or earlier one, in the same organisation.
--
-- Grain: one row per level, organisation, month and measure of people.
-- Key: org_level, org_code, month, measure
--
-- The same people stand in both months, so a change must not be judged as if the two counts were independent. Only
-- baselines of a single month have an overlap.
WITH patients AS (
    SELECT
        patient_key,
        coalesce(practice_code, '-') AS practice_code,
        month,
        coalesce(is_adult, TRUE) AND coalesce(palliative_proxy <> 'strong', TRUE) AND NOT excluded AS is_without,
        any_opioid,
        high_dose,
        high_dose_possible,
        high_dose_recent,
        high_dose_new,
        high_dose_ge120,
        high_dose_gt90,
        high_dose_ge90,
        near_threshold,
        dose_is_lower_bound,
        long_term,
        long_term_3m,
        at_risk_3_to_6m,
        opioid_gabapentinoid,
        opioid_gabapentinoid_3m,
        opioid_benzodiazepine,
        opioid_benzodiazepine_3m,
        opioid_z_drug,
        opioid_z_drug_3m,
        opioid_two_or_more_sedatives,
        opioid_two_or_more_sedatives_3m,
        high_dose_long_term,
        high_dose_gabapentinoid,
        all_three,
        escalating,
        rapid_escalation,
        new_user,
        in_dependence_treatment,
    FROM intermediate.int_patient_months__flagged
    WHERE any_opioid OR opioid_run_months > 0 OR ome_mg_per_day_6m > 0
),

baseline_months AS (
    SELECT DISTINCT baseline_first_month AS month
    FROM intermediate.int_measures__baseline
    WHERE baseline_first_month = baseline_last_month
),

by_practices AS (
    SELECT
        earlier.month AS baseline_month,
        later.month,
        earlier.practice_code AS baseline_practice_code,
        later.practice_code,
        count(*) FILTER (earlier.any_opioid AND later.any_opioid) AS any_opioid,
        count(*) FILTER (
            earlier.any_opioid AND later.any_opioid
            AND earlier.is_without AND later.is_without
        ) AS any_opioid_adult_no_palliative,
        count(*) FILTER (earlier.high_dose AND later.high_dose) AS high_dose,
        count(*) FILTER (
            earlier.high_dose AND later.high_dose
            AND earlier.is_without AND later.is_without
        ) AS high_dose_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_possible AND later.high_dose_possible) AS high_dose_possible,
        count(*) FILTER (
            earlier.high_dose_possible AND later.high_dose_possible
            AND earlier.is_without AND later.is_without
        ) AS high_dose_possible_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_recent AND later.high_dose_recent) AS high_dose_recent,
        count(*) FILTER (
            earlier.high_dose_recent AND later.high_dose_recent
            AND earlier.is_without AND later.is_without
        ) AS high_dose_recent_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_new AND later.high_dose_new) AS high_dose_new,
        count(*) FILTER (
            earlier.high_dose_new AND later.high_dose_new
            AND earlier.is_without AND later.is_without
        ) AS high_dose_new_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_ge120 AND later.high_dose_ge120) AS high_dose_ge120,
        count(*) FILTER (
            earlier.high_dose_ge120 AND later.high_dose_ge120
            AND earlier.is_without AND later.is_without
        ) AS high_dose_ge120_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_gt90 AND later.high_dose_gt90) AS high_dose_gt90,
        count(*) FILTER (
            earlier.high_dose_gt90 AND later.high_dose_gt90
            AND earlier.is_without AND later.is_without
        ) AS high_dose_gt90_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_ge90 AND later.high_dose_ge90) AS high_dose_ge90,
        count(*) FILTER (
            earlier.high_dose_ge90 AND later.high_dose_ge90
            AND earlier.is_without AND later.is_without
        ) AS high_dose_ge90_adult_no_palliative,
        count(*) FILTER (earlier.near_threshold AND later.near_threshold) AS near_threshold,
        count(*) FILTER (
            earlier.near_threshold AND later.near_threshold
            AND earlier.is_without AND later.is_without
        ) AS near_threshold_adult_no_palliative,
        count(*) FILTER (earlier.dose_is_lower_bound AND later.dose_is_lower_bound) AS dose_unknown,
        count(*) FILTER (
            earlier.dose_is_lower_bound AND later.dose_is_lower_bound
            AND earlier.is_without AND later.is_without
        ) AS dose_unknown_adult_no_palliative,
        count(*) FILTER (earlier.long_term AND later.long_term) AS long_term,
        count(*) FILTER (
            earlier.long_term AND later.long_term
            AND earlier.is_without AND later.is_without
        ) AS long_term_adult_no_palliative,
        count(*) FILTER (earlier.long_term_3m AND later.long_term_3m) AS long_term_3m,
        count(*) FILTER (
            earlier.long_term_3m AND later.long_term_3m
            AND earlier.is_without AND later.is_without
        ) AS long_term_3m_adult_no_palliative,
        count(*) FILTER (earlier.at_risk_3_to_6m AND later.at_risk_3_to_6m) AS at_risk_3_to_6m,
        count(*) FILTER (
            earlier.at_risk_3_to_6m AND later.at_risk_3_to_6m
            AND earlier.is_without AND later.is_without
        ) AS at_risk_3_to_6m_adult_no_palliative,
        count(*) FILTER (earlier.opioid_gabapentinoid AND later.opioid_gabapentinoid) AS opioid_gabapentinoid,
        count(*) FILTER (
            earlier.opioid_gabapentinoid AND later.opioid_gabapentinoid
            AND earlier.is_without AND later.is_without
        ) AS opioid_gabapentinoid_adult_no_palliative,
        count(*) FILTER (earlier.opioid_gabapentinoid_3m AND later.opioid_gabapentinoid_3m) AS opioid_gabapentinoid_3m,
        count(*) FILTER (
            earlier.opioid_gabapentinoid_3m AND later.opioid_gabapentinoid_3m
            AND earlier.is_without AND later.is_without
        ) AS opioid_gabapentinoid_3m_adult_no_palliative,
        count(*) FILTER (earlier.opioid_benzodiazepine AND later.opioid_benzodiazepine) AS opioid_benzodiazepine,
        count(*) FILTER (
            earlier.opioid_benzodiazepine AND later.opioid_benzodiazepine
            AND earlier.is_without AND later.is_without
        ) AS opioid_benzodiazepine_adult_no_palliative,
        count(*) FILTER (earlier.opioid_benzodiazepine_3m AND later.opioid_benzodiazepine_3m) AS opioid_benzodiazepine_3m,
        count(*) FILTER (
            earlier.opioid_benzodiazepine_3m AND later.opioid_benzodiazepine_3m
            AND earlier.is_without AND later.is_without
        ) AS opioid_benzodiazepine_3m_adult_no_palliative,
        count(*) FILTER (earlier.opioid_z_drug AND later.opioid_z_drug) AS opioid_z_drug,
        count(*) FILTER (
            earlier.opioid_z_drug AND later.opioid_z_drug
            AND earlier.is_without AND later.is_without
        ) AS opioid_z_drug_adult_no_palliative,
        count(*) FILTER (earlier.opioid_z_drug_3m AND later.opioid_z_drug_3m) AS opioid_z_drug_3m,
        count(*) FILTER (
            earlier.opioid_z_drug_3m AND later.opioid_z_drug_3m
            AND earlier.is_without AND later.is_without
        ) AS opioid_z_drug_3m_adult_no_palliative,
        count(*) FILTER (earlier.opioid_two_or_more_sedatives AND later.opioid_two_or_more_sedatives)
            AS opioid_two_or_more_sedatives,
        count(*) FILTER (
            earlier.opioid_two_or_more_sedatives AND later.opioid_two_or_more_sedatives
            AND earlier.is_without AND later.is_without
        ) AS opioid_two_or_more_sedatives_adult_no_palliative,
        count(*) FILTER (earlier.opioid_two_or_more_sedatives_3m AND later.opioid_two_or_more_sedatives_3m)
            AS opioid_two_or_more_sedatives_3m,
        count(*) FILTER (
            earlier.opioid_two_or_more_sedatives_3m AND later.opioid_two_or_more_sedatives_3m
            AND earlier.is_without AND later.is_without
        ) AS opioid_two_or_more_sedatives_3m_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_long_term AND later.high_dose_long_term) AS high_dose_long_term,
        count(*) FILTER (
            earlier.high_dose_long_term AND later.high_dose_long_term
            AND earlier.is_without AND later.is_without
        ) AS high_dose_long_term_adult_no_palliative,
        count(*) FILTER (earlier.high_dose_gabapentinoid AND later.high_dose_gabapentinoid) AS high_dose_gabapentinoid,
        count(*) FILTER (
            earlier.high_dose_gabapentinoid AND later.high_dose_gabapentinoid
            AND earlier.is_without AND later.is_without
        ) AS high_dose_gabapentinoid_adult_no_palliative,
        count(*) FILTER (earlier.all_three AND later.all_three) AS all_three,
        count(*) FILTER (
            earlier.all_three AND later.all_three
            AND earlier.is_without AND later.is_without
        ) AS all_three_adult_no_palliative,
        count(*) FILTER (earlier.escalating AND later.escalating) AS escalating,
        count(*) FILTER (
            earlier.escalating AND later.escalating
            AND earlier.is_without AND later.is_without
        ) AS escalating_adult_no_palliative,
        count(*) FILTER (earlier.rapid_escalation AND later.rapid_escalation) AS rapid_escalation,
        count(*) FILTER (
            earlier.rapid_escalation AND later.rapid_escalation
            AND earlier.is_without AND later.is_without
        ) AS rapid_escalation_adult_no_palliative,
        count(*) FILTER (earlier.new_user AND later.new_user) AS new_user,
        count(*) FILTER (
            earlier.new_user AND later.new_user
            AND earlier.is_without AND later.is_without
        ) AS new_user_adult_no_palliative,
        count(*) FILTER (earlier.in_dependence_treatment AND later.in_dependence_treatment) AS in_dependence_treatment,
        count(*) FILTER (
            earlier.in_dependence_treatment AND later.in_dependence_treatment
            AND earlier.is_without AND later.is_without
        ) AS in_dependence_treatment_adult_no_palliative,
    FROM patients AS earlier
    INNER JOIN baseline_months ON earlier.month = baseline_months.month
    INNER JOIN patients AS later ON earlier.patient_key = later.patient_key
    GROUP BY ALL
),

counted AS (
    SELECT
        baseline_month,
        month,
        baseline_practice_code,
        practice_code,
        measure,
        patients,
    FROM by_practices
    UNPIVOT (
        patients FOR measure IN (
            any_opioid,
            any_opioid_adult_no_palliative,
            high_dose,
            high_dose_adult_no_palliative,
            high_dose_possible,
            high_dose_possible_adult_no_palliative,
            high_dose_recent,
            high_dose_recent_adult_no_palliative,
            high_dose_new,
            high_dose_new_adult_no_palliative,
            high_dose_ge120,
            high_dose_ge120_adult_no_palliative,
            high_dose_gt90,
            high_dose_gt90_adult_no_palliative,
            high_dose_ge90,
            high_dose_ge90_adult_no_palliative,
            near_threshold,
            near_threshold_adult_no_palliative,
            dose_unknown,
            dose_unknown_adult_no_palliative,
            long_term,
            long_term_adult_no_palliative,
            long_term_3m,
            long_term_3m_adult_no_palliative,
            at_risk_3_to_6m,
            at_risk_3_to_6m_adult_no_palliative,
            opioid_gabapentinoid,
            opioid_gabapentinoid_adult_no_palliative,
            opioid_gabapentinoid_3m,
            opioid_gabapentinoid_3m_adult_no_palliative,
            opioid_benzodiazepine,
            opioid_benzodiazepine_adult_no_palliative,
            opioid_benzodiazepine_3m,
            opioid_benzodiazepine_3m_adult_no_palliative,
            opioid_z_drug,
            opioid_z_drug_adult_no_palliative,
            opioid_z_drug_3m,
            opioid_z_drug_3m_adult_no_palliative,
            opioid_two_or_more_sedatives,
            opioid_two_or_more_sedatives_adult_no_palliative,
            opioid_two_or_more_sedatives_3m,
            opioid_two_or_more_sedatives_3m_adult_no_palliative,
            high_dose_long_term,
            high_dose_long_term_adult_no_palliative,
            high_dose_gabapentinoid,
            high_dose_gabapentinoid_adult_no_palliative,
            all_three,
            all_three_adult_no_palliative,
            escalating,
            escalating_adult_no_palliative,
            rapid_escalation,
            rapid_escalation_adult_no_palliative,
            new_user,
            new_user_adult_no_palliative,
            in_dependence_treatment,
            in_dependence_treatment_adult_no_palliative
        )
    )
    WHERE patients > 0
)

SELECT
    levels.org_level,
    levels.org_code,
    counted.month,
    counted.measure,
    CAST(sum(counted.patients) AS BIGINT) AS people_in_both,
FROM counted
INNER JOIN intermediate.int_measures__baseline AS baselines
    ON counted.measure = baselines.measure AND counted.baseline_month = baselines.baseline_first_month
INNER JOIN intermediate.int_organisations__levels AS levels USING (practice_code)
INNER JOIN intermediate.int_organisations__levels AS baseline_levels
    ON counted.baseline_practice_code = baseline_levels.practice_code
    AND levels.org_level = baseline_levels.org_level AND levels.org_code = baseline_levels.org_code
GROUP BY ALL
