-- The people on the case-finding list of a practice, of a PCN, in no practice or of everyone, in the order of work.
--
-- The end-of-life block comes last. The rules that find a person stand beside them, with a space between.
WITH listed AS (
    SELECT
        patient_key,
        priority,
        priority_text,
        palliative_proxy,
        age,
        sex,
        practice_code,
        practice_name,
        pcn_code,
        ome_mg_per_day_3m,
        band,
        change_vs_6_months_before,
        opioid_run_months,
        left_censored,
        opioids,
        gabapentinoids,
        other_sedatives,
        last_dispensed_month,
        why_listed,
        cautions,
        change_since_last_month,
        as_at_month,
    FROM marts.case_list
    WHERE
        $is_everyone
        OR practice_code = $practice_code
        OR pcn_code = $pcn_code
        OR ($is_unallocated AND practice_code IS NULL)
),

found AS (
    SELECT
        patient_key,
        string_agg(rule, ' ' ORDER BY rule) AS rules,
        bool_or(rule = 'dose_unknown') AS dose_is_lower_bound,
    FROM marts.case_list_rules
    WHERE patient_key IN (SELECT patient_key FROM listed)
    GROUP BY patient_key
)

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
    coalesce(found.dose_is_lower_bound, FALSE) AS dose_is_lower_bound,
    found.rules,
FROM listed
LEFT JOIN found USING (patient_key)
ORDER BY
    is_likely_end_of_life,
    listed.priority,
    listed.ome_mg_per_day_3m DESC NULLS LAST,
    listed.patient_key
