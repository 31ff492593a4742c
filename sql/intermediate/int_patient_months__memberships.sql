-- Who is in which cohort: the cohorts of a patient-month as rows, members alone.
--
-- Grain: one row per patient, month and cohort the patient is in.
-- Key: patient_number, month, cohort
--
-- is_without: counted also when under-18s, strong palliative proxies and exclusions are left out. Practice "-" is what is
-- in no practice. Balancing flags count adults and people of unknown age only. A new cohort is counted in the trends once
-- it stands in this list.
WITH patients AS (
    SELECT
        patient_number,
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
        balance_abrupt_stop AND coalesce(is_adult, TRUE) AS balance_abrupt_stop,
        balance_fast_fall AND coalesce(is_adult, TRUE) AS balance_fast_fall,
        balance_substitution AND coalesce(is_adult, TRUE) AS balance_substitution,
        balance_restart AND coalesce(is_adult, TRUE) AS balance_restart,
        balance_switch AND coalesce(is_adult, TRUE) AS balance_switch,
        not_seen AND coalesce(is_adult, TRUE) AS not_seen,
    FROM intermediate.int_patient_months__flagged
)

SELECT
    patient_number,
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
        in_dependence_treatment,
        balance_abrupt_stop,
        balance_fast_fall,
        balance_substitution,
        balance_restart,
        balance_switch,
        not_seen
    )
)
WHERE is_member

UNION ALL

SELECT
    patient_number,
    month,
    practice_code,
    is_without,
    cohort,
FROM intermediate.int_reviews__memberships

UNION ALL

SELECT
    patient_number,
    month,
    practice_code,
    is_without,
    cohort,
FROM intermediate.int_superseded__memberships
