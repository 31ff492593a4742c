-- Each rule of the list counted for a practice, a PCN, no practice or everyone: on the list, excluded by review, under 18,
-- and the same measure in the trends (NULL where the trends have no such measure, or nothing for that organisation).
WITH patients AS (
    SELECT
        months.patient_key,
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
    LEFT JOIN marts.case_list AS listed
        ON months.patient_key = listed.patient_key AND months.month = listed.as_at_month
    LEFT JOIN (
        SELECT
            org_code,
            pcn_code,
        FROM marts.trends
        WHERE org_level = 'practice' AND measure = 'any_opioid' AND month = $as_at_month
    ) AS practices ON months.practice_code = practices.org_code
    WHERE
        months.month = $as_at_month
        AND (
            $is_everyone
            OR months.practice_code = $practice_code
            OR practices.pcn_code = $pcn_code
            OR ($is_unallocated AND months.practice_code IS NULL)
        )
),

rules AS (
    SELECT
        is_under_18,
        excluded,
        is_listed,
        rule,
        is_true,
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
),

counted AS (
    SELECT
        rule,
        count(*) FILTER (is_true) AS patients,
        count(*) FILTER (is_true AND is_listed) AS listed,
        count(*) FILTER (is_true AND excluded AND NOT is_under_18) AS excluded,
        count(*) FILTER (is_true AND is_under_18) AS under_18,
    FROM rules
    GROUP BY rule
)

SELECT
    counted.rule,
    counted.patients,
    counted.listed,
    counted.excluded,
    counted.under_18,
    CAST(trends.numerator AS BIGINT) AS in_trends,
FROM counted
LEFT JOIN marts.trends AS trends
    ON counted.rule = trends.measure
    AND trends.month = $as_at_month
    AND trends.org_level = $org_level
    AND trends.org_code = $org_code
ORDER BY counted.rule
