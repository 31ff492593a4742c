-- Whom each rule of the case-finding list finds at its month: the cohorts' own word, beside the list and not from it.
--
-- Grain: one row per rule and patient whom it finds, whether on the list, under 18 or excluded by review.
-- Key: rule, patient_key
--
-- The only place that says which columns of marts.patient_month are rules of the list. What a list counts on its cover, and
-- the check that list, under-18s and exclusions add up to each cohort, both begin here.
--
-- Columns:
--   excluded: TRUE: a review has excluded the person, who is then not on the list.
--   is_listed: TRUE: the person is in marts.case_list.
--   is_under_18: TRUE: not an adult, and so not on the list. An unknown age is FALSE.
--   rule: high_dose, high_dose_possible, high_dose_recent, high_dose_new, rapid_escalation, methadone_3m, dose_unknown,
--     in_dependence_treatment, immediate_release_fentanyl_3m, long_term_3m_with_sedative, at_risk_3_to_6m or long_term.
WITH patients AS (
    SELECT
        months.patient_key,
        months.month,
        months.practice_code,
        coalesce(NOT months.is_adult, FALSE) AS is_under_18,
        months.excluded,
        listed.patient_key IS NOT NULL AS is_listed,
        coalesce(months.high_dose, FALSE) AS high_dose,
        coalesce(months.high_dose_possible, FALSE) AS high_dose_possible,
        coalesce(months.high_dose_recent, FALSE) AS high_dose_recent,
        coalesce(months.high_dose_new, FALSE) AS high_dose_new,
        coalesce(months.rapid_escalation, FALSE) AS rapid_escalation,
        months.methadone_3m,
        months.dose_is_lower_bound AS dose_unknown,
        months.in_dependence_treatment,
        months.immediate_release_fentanyl_3m,
        coalesce(months.long_term_3m, FALSE)
        AND (months.opioid_gabapentinoid_3m OR months.opioid_benzodiazepine_3m OR months.opioid_z_drug_3m)
            AS long_term_3m_with_sedative,
        coalesce(months.at_risk_3_to_6m, FALSE) AS at_risk_3_to_6m,
        coalesce(months.long_term, FALSE) AS long_term,
    FROM marts.patient_month AS months
    INNER JOIN intermediate.int_case_list__month AS list_month USING (month)
    LEFT JOIN marts.case_list AS listed
        ON months.patient_key = listed.patient_key AND months.month = listed.as_at_month
)

SELECT
    rule,
    patient_key,
    month,
    practice_code,
    is_listed,
    is_under_18,
    excluded,
FROM patients
UNPIVOT (
    is_true FOR rule IN (
        high_dose,
        high_dose_possible,
        high_dose_recent,
        high_dose_new,
        rapid_escalation,
        methadone_3m,
        dose_unknown,
        in_dependence_treatment,
        immediate_release_fentanyl_3m,
        long_term_3m_with_sedative,
        at_risk_3_to_6m,
        long_term
    )
)
WHERE is_true
