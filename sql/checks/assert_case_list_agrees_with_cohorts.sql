-- Rules of the case-finding list whose patients are not exactly those on the list, under 18 or excluded.
--
-- Grain: one row per offending rule.
-- Key: rule
--
-- Each rule is counted three ways at the as-at month: by the cohorts (marts.case_list_rules), on the list, and, where the
-- trend table has the same measure, there. A patient on the list without any rule, under 18 or excluded, offends too; so does
-- one who is excluded and not named as such, and a list that is longer or shorter than the trends say.
WITH list_month AS (
    SELECT month,
    FROM intermediate.int_case_list__month
),

counted AS (
    SELECT
        rule,
        count(*) AS patients,
        count(*) FILTER (is_listed AND NOT is_under_18 AND NOT excluded) AS patients_listed,
        count(*) FILTER (is_under_18) AS patients_under_18,
        count(*) FILTER (excluded AND NOT is_under_18) AS patients_excluded,
    FROM marts.case_list_rules
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
        FROM marts.case_list_rules
        WHERE excluded AND NOT is_under_18
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
        LEFT JOIN marts.case_list_rules AS rules USING (patient_key)
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
