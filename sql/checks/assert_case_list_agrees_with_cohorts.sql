-- Rules of the case-finding list whose patients are not exactly those on the list, under 18 or excluded.
--
-- Grain: one row per offending rule.
-- Key: rule
--
-- Each rule is counted three ways at the as-at month: in marts.patient_month, on the list, and, where the trend table
-- has the same measure, there. A patient on the list without any rule, under 18 or excluded, offends too; so does one who
-- is excluded and not named as such, and a list that is longer or shorter than the trends say.
WITH list_month AS (
    SELECT month,
    FROM intermediate.int_case_list__month
),

patients AS (
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
    INNER JOIN list_month USING (month)
    LEFT JOIN marts.case_list AS listed
        ON months.patient_key = listed.patient_key AND months.month = listed.as_at_month
),

rules AS (
    SELECT
        patient_key,
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
        count(*) FILTER (is_true AND is_listed AND NOT is_under_18 AND NOT excluded) AS patients_listed,
        count(*) FILTER (is_true AND is_under_18) AS patients_under_18,
        count(*) FILTER (is_true AND excluded AND NOT is_under_18) AS patients_excluded,
    FROM rules
    GROUP BY rule
),

trends AS (
    SELECT
        trends.measure AS rule,
        trends.numerator,
    FROM marts.trends AS trends
    INNER JOIN list_month USING (month)
    WHERE trends.org_level = 'all'
),

excluded AS (
    SELECT
        count(*) FILTER (excluded.patient_key IS NULL) AS missing,
        count(*) FILTER (rules.patient_key IS NULL) AS beyond,
    FROM marts.case_list_excluded AS excluded
    FULL JOIN (
        SELECT DISTINCT patient_key
        FROM rules
        WHERE is_true AND excluded AND NOT is_under_18
    ) AS rules USING (patient_key)
),

listed_in_trends AS (
    SELECT
        (SELECT count(*) FROM marts.case_list) AS listed,
        trends.numerator,
    FROM marts.trends AS trends
    INNER JOIN list_month USING (month)
    WHERE trends.org_level = 'all' AND trends.measure = 'listed'
),

without_rule AS (
    SELECT count(*) AS patients,
    FROM (
        SELECT listed.patient_key,
        FROM marts.case_list AS listed
        LEFT JOIN rules ON listed.patient_key = rules.patient_key AND rules.is_true
        GROUP BY listed.patient_key
        HAVING count(rules.rule) = 0 OR coalesce(bool_or(rules.is_under_18 OR rules.excluded), FALSE)
    )
)

SELECT
    counted.rule,
    counted.patients,
    counted.patients_listed,
    counted.patients_under_18,
    counted.patients_excluded,
    trends.numerator AS patients_in_trends,
FROM counted
LEFT JOIN trends USING (rule)
WHERE
    counted.patients <> counted.patients_listed + counted.patients_under_18 + counted.patients_excluded
    OR coalesce(trends.numerator, counted.patients) <> counted.patients

UNION ALL

SELECT
    'on the list without a rule, under 18 or excluded' AS rule,
    0 AS patients,
    patients AS patients_listed,
    0 AS patients_under_18,
    0 AS patients_excluded,
    NULL AS patients_in_trends,
FROM without_rule
WHERE patients > 0

UNION ALL

SELECT
    'excluded by review, not named so or named so without a rule' AS rule,
    missing AS patients,
    0 AS patients_listed,
    0 AS patients_under_18,
    beyond AS patients_excluded,
    NULL AS patients_in_trends,
FROM excluded
WHERE missing > 0 OR beyond > 0

UNION ALL

SELECT
    'listed' AS rule,
    listed AS patients,
    listed AS patients_listed,
    0 AS patients_under_18,
    0 AS patients_excluded,
    numerator AS patients_in_trends,
FROM listed_in_trends
WHERE listed <> numerator
