-- Who is in which cohort: the cohorts of a patient-month as rows, members alone.
--
-- Grain: one row per patient, month and cohort the patient is in.
-- Key: patient_key, month, cohort
--
-- is_without: counted also when under-18s, strong palliative proxies and exclusions are left out. Practice "-" is what is
-- in no practice. A new cohort is counted in the trends once it stands in this list.
WITH patients AS (
    SELECT
        patient_key,
        month,
        coalesce(practice_code, '-') AS practice_code,
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
        dose_is_lower_bound AS dose_unknown,
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
)

SELECT
    patient_key,
    month,
    practice_code,
    is_without,
    cohort,
FROM patients
UNPIVOT (
    is_member FOR cohort IN (
        any_opioid,
        high_dose,
        high_dose_possible,
        high_dose_recent,
        high_dose_new,
        high_dose_ge120,
        high_dose_gt90,
        high_dose_ge90,
        near_threshold,
        dose_unknown,
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
        in_dependence_treatment
    )
)
WHERE is_member
