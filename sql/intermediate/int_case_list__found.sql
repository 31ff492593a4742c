-- Whom a rule of the case-finding list finds, with which priority, in the month of the list and in the month before it.
--
-- Grain: one row per patient found and month.
-- Key: patient_key, month
--
-- A priority orders the work; it is not a measure of harm. Under-18s are not looked at, patients whose age is unknown
-- are. Bands are judged on unrounded sums: exactly 120.0 mg a day is not above 120.
WITH months AS (
    SELECT
        month,
        TRUE AS is_as_at,
    FROM intermediate.int_case_list__month

    UNION ALL

    SELECT
        previous_month AS month,
        FALSE AS is_as_at,
    FROM intermediate.int_case_list__month
    WHERE previous_month IS NOT NULL
),

people AS (
    SELECT
        flagged.patient_key,
        flagged.month,
        months.is_as_at,
        flagged.excluded,
        flagged.age,
        coalesce(flagged.high_dose, FALSE) OR coalesce(flagged.high_dose_possible, FALSE) AS is_high_or_possible,
        coalesce(flagged.high_dose_recent, FALSE) OR coalesce(flagged.high_dose_new, FALSE) AS is_recent_or_new,
        coalesce(flagged.rapid_escalation, FALSE) AS is_rapid,
        flagged.methadone_3m,
        flagged.dose_is_lower_bound,
        flagged.in_dependence_treatment,
        flagged.immediate_release_fentanyl_3m,
        flagged.opioid_gabapentinoid_3m OR flagged.opioid_benzodiazepine_3m OR flagged.opioid_z_drug_3m
            AS is_with_sedative,
        coalesce(flagged.long_term_3m, FALSE) AS is_long_term_3m,
        coalesce(flagged.at_risk_3_to_6m, FALSE) OR coalesce(flagged.long_term, FALSE) AS is_long_or_at_risk,
        coalesce(flagged.ome_mg_3m >= $case_list_very_high_ome_mg_per_day * flagged.days_3m, FALSE) AS is_very_high,
        coalesce(flagged.ome_mg_3m >= $case_list_rapid_escalation_ome_mg_per_day * flagged.days_3m, FALSE)
            AS is_high_for_rapid,
        CASE
            WHEN flagged.ome_mg_3m >= $case_list_very_high_ome_mg_per_day * flagged.days_3m
                THEN concat($case_list_very_high_ome_mg_per_day, ' and over')
            WHEN flagged.ome_mg_3m > $high_dose_ome_mg_per_day * flagged.days_3m
                THEN concat('over ', $high_dose_ome_mg_per_day, ' to under ', $case_list_very_high_ome_mg_per_day)
            WHEN flagged.ome_mg_3m >= $high_dose_lower_ome_mg_per_day * flagged.days_3m
                THEN concat($high_dose_lower_ome_mg_per_day, ' to ', $high_dose_ome_mg_per_day)
            WHEN flagged.ome_mg_3m >= $case_list_lowest_band_ome_mg_per_day * flagged.days_3m
                THEN concat($case_list_lowest_band_ome_mg_per_day, ' to under ', $high_dose_lower_ome_mg_per_day)
            WHEN flagged.ome_mg_3m < $case_list_lowest_band_ome_mg_per_day * flagged.days_3m
                THEN concat('under ', $case_list_lowest_band_ome_mg_per_day)
        END AS band,
    FROM months
    INNER JOIN intermediate.int_patient_months__flagged AS flagged USING (month)
    WHERE coalesce(flagged.is_adult, TRUE)
),

ruled AS (
    SELECT
        patient_key,
        month,
        is_as_at,
        excluded,
        age,
        band,
        is_very_high,
        is_high_for_rapid,
        is_high_or_possible,
        is_rapid,
        is_with_sedative,
        in_dependence_treatment,
        is_high_or_possible OR is_recent_or_new OR is_rapid OR methadone_3m OR in_dependence_treatment
        OR dose_is_lower_bound OR immediate_release_fentanyl_3m AS is_for_priority_2,
        is_long_term_3m AND is_with_sedative AS is_for_priority_3,
        is_long_or_at_risk AS is_for_priority_4,
    FROM people
),

prioritised AS (
    SELECT
        patient_key,
        month,
        is_as_at,
        excluded,
        band,
        is_very_high,
        CASE
            WHEN is_high_or_possible
                AND (
                    is_with_sedative OR in_dependence_treatment
                    OR coalesce(age >= $case_list_older_age_years, FALSE)
                ) THEN 1
            WHEN is_rapid AND is_high_for_rapid THEN 1
            WHEN is_very_high AND (is_for_priority_2 OR is_for_priority_3 OR is_for_priority_4) THEN 1
            WHEN is_for_priority_2 THEN 2
            WHEN is_for_priority_3 THEN 3
            WHEN is_for_priority_4 THEN 4
        END AS priority,
    FROM ruled
)

SELECT
    patient_key,
    month,
    is_as_at,
    excluded,
    priority,
    band,
    is_very_high,
FROM prioritised
WHERE priority IS NOT NULL
