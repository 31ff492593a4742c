-- The people on the case-finding list of a practice, of a PCN, in no practice or of everyone, in the order of work.
--
-- The end-of-life block comes last. Each rule that can be asked for stands beside the person as true or not.
SELECT
    listed.patient_key,
    listed.priority,
    listed.priority_text,
    coalesce(listed.palliative_proxy = 'strong', FALSE) AS is_likely_end_of_life,
    listed.age,
    listed.sex,
    listed.practice_code,
    listed.practice_name,
    listed.pcn_code,
    listed.ome_mg_per_day_3m,
    listed.band,
    listed.change_vs_6_months_before,
    listed.opioid_run_months,
    listed.left_censored,
    listed.opioids,
    listed.gabapentinoids,
    listed.other_sedatives,
    listed.last_dispensed_month,
    listed.why_listed,
    listed.cautions,
    listed.change_since_last_month,
    listed.as_at_month,
    months.dose_is_lower_bound,
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
FROM marts.case_list AS listed
INNER JOIN marts.patient_month AS months
    ON listed.patient_key = months.patient_key AND listed.as_at_month = months.month
WHERE
    $is_everyone
    OR listed.practice_code = $practice_code
    OR listed.pcn_code = $pcn_code
    OR ($is_unallocated AND listed.practice_code IS NULL)
ORDER BY
    is_likely_end_of_life,
    listed.priority,
    listed.ome_mg_per_day_3m DESC NULLS LAST,
    listed.patient_key
