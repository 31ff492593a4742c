-- Why each patient is on the case-finding list: the rules in words, with the patient's own numbers.
--
-- Grain: one row per patient on the list.
-- Key: patient_key
--
-- Doses are whole mg of OME a day, never rounded up to a line they do not reach. A window is called by the months it
-- truly reaches over: it begins no earlier than the opioids did, or the data.
WITH facts AS (
    SELECT
        flagged.patient_key,
        flagged.age,
        flagged.high_dose,
        flagged.high_dose_possible,
        flagged.high_dose_recent,
        flagged.high_dose_new,
        flagged.rapid_escalation,
        flagged.long_term,
        flagged.long_term_3m,
        flagged.at_risk_3_to_6m,
        flagged.methadone_3m,
        flagged.immediate_release_fentanyl_3m,
        flagged.in_dependence_treatment,
        flagged.dose_is_lower_bound,
        flagged.opioid_gabapentinoid_3m OR flagged.opioid_benzodiazepine_3m OR flagged.opioid_z_drug_3m
            AS is_with_sedative,
        prioritised.is_very_high,
        coalesce(flagged.palliative_proxy IN ('strong', 'moderate'), FALSE) AS is_near_end_of_life,
        CASE WHEN flagged.dose_is_lower_bound THEN 'at least ' ELSE '' END AS at_least_dose,
        concat(CASE WHEN flagged.left_censored THEN 'at least ' ELSE '' END, flagged.opioid_run_months) AS run_months,
        flagged.ome_mg_3m > $high_dose_ome_mg_per_day * flagged.days_3m AS is_above_3m,
        flagged.ome_mg_6m > $high_dose_ome_mg_per_day * flagged.days_6m AS is_above_6m,
        CAST(floor(CAST(flagged.ome_mg_3m AS DOUBLE) / nullif(flagged.days_3m, 0)) AS BIGINT) AS mg_3m,
        CAST(floor(CAST(flagged.ome_mg_6m AS DOUBLE) / nullif(flagged.days_6m, 0)) AS BIGINT) AS mg_6m,
        CAST(floor(CAST(flagged.ome_mg_3m_six_before AS DOUBLE) / nullif(flagged.days_3m_six_before, 0)) AS BIGINT)
            AS mg_3m_six_before,
        least(3, flagged.window_months_reached) AS months_3m,
        least(6, list_month.calendar_month_number, flagged.month_index - flagged.episode_month_index + 1) AS months_6m,
        opioids.unconverted_items,
        other_medicines.counted_sedatives,
        other_medicines.dependence_treatments,
    FROM intermediate.int_case_list__prioritised AS prioritised
    INNER JOIN intermediate.int_patient_months__flagged AS flagged USING (patient_key, month)
    INNER JOIN intermediate.int_case_list__month AS list_month USING (month)
    LEFT JOIN intermediate.int_case_list__opioids AS opioids USING (patient_key)
    LEFT JOIN intermediate.int_case_list__other_medicines AS other_medicines USING (patient_key)
    WHERE prioritised.is_as_at
),

worded AS (
    SELECT
        patient_key,
        age,
        high_dose,
        high_dose_possible,
        high_dose_recent,
        high_dose_new,
        rapid_escalation,
        long_term_3m,
        at_risk_3_to_6m,
        methadone_3m,
        immediate_release_fentanyl_3m,
        in_dependence_treatment,
        dose_is_lower_bound,
        is_with_sedative,
        is_very_high,
        is_near_end_of_life,
        run_months,
        unconverted_items,
        counted_sedatives,
        dependence_treatments,
        mg_3m,
        mg_3m_six_before,
        months_3m,
        months_6m,
        CASE WHEN months_3m = 1 THEN '1 month' ELSE concat(months_3m, ' months') END AS over_3m,
        concat(
            at_least_dose,
            CASE WHEN is_above_3m AND mg_3m = $high_dose_ome_mg_per_day THEN 'just over ' ELSE '' END,
            mg_3m
        ) AS dose_3m,
        concat(
            at_least_dose,
            CASE WHEN is_above_6m AND mg_6m = $high_dose_ome_mg_per_day THEN 'just over ' ELSE '' END,
            mg_6m
        ) AS dose_6m,
    FROM facts
)

SELECT
    patient_key,
    concat_ws(
        ' ',
        CASE
            WHEN high_dose AND months_6m > 3
                THEN concat('High dose: ', dose_3m, ' mg a day over 3 months, ', dose_6m, ' over ', months_6m, '.')
            WHEN high_dose THEN concat('High dose: ', dose_3m, ' mg a day over ', over_3m, '.')
            WHEN high_dose_possible
                THEN concat(
                    'Possibly high dose: ', dose_3m, ' mg a day over 3 months but ', dose_6m, ' over ', months_6m, '.'
                )
            WHEN high_dose_recent
                THEN concat(
                    'High dose over ',
                    months_6m,
                    ' months (',
                    dose_6m,
                    ' mg a day), now ',
                    dose_3m,
                    ' over ',
                    over_3m,
                    ': it has fallen, or scripts are long.'
                )
            WHEN high_dose_new
                THEN concat('New and high: ', dose_3m, ' mg a day in the ', over_3m, ' since opioids began.')
        END,
        CASE WHEN is_very_high THEN concat('Dose of ', $case_list_very_high_ome_mg_per_day, ' mg a day or more.') END,
        CASE
            WHEN rapid_escalation
                THEN concat('Rising fast: ', dose_3m, ' mg a day, from ', mg_3m_six_before, ' six months before.')
        END,
        CASE
            WHEN at_risk_3_to_6m AND NOT is_near_end_of_life
                THEN concat('Opioids for ', run_months, ' months: not yet long term, the time to act.')
            WHEN long_term_3m OR at_risk_3_to_6m THEN concat('Opioids for ', run_months, ' months.')
        END,
        CASE
            WHEN is_with_sedative
                THEN concat('With ', coalesce(counted_sedatives, 'a sedating medicine'), ' in the last 3 months.')
        END,
        CASE
            WHEN (high_dose OR high_dose_possible) AND age >= $case_list_older_age_years THEN concat('Aged ', age, '.')
        END,
        CASE
            WHEN in_dependence_treatment
                THEN concat('Dependence treatment beside opioids (', dependence_treatments, ').')
        END,
        CASE WHEN methadone_3m THEN 'Methadone in the last 3 months.' END,
        CASE WHEN immediate_release_fentanyl_3m THEN 'Immediate-release fentanyl in the last 3 months.' END,
        CASE
            WHEN dose_is_lower_bound
                THEN concat(
                    CASE WHEN mg_3m > 0 THEN concat('Dose is ', dose_3m, ' mg a day: ') ELSE 'Dose not known: ' END,
                    CASE
                        WHEN unconverted_items = 1 THEN '1 item'
                        ELSE concat(unconverted_items, ' items')
                    END,
                    ' could not be converted.'
                )
        END
    ) AS why_listed,
FROM worded
