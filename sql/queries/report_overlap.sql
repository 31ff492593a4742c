-- People in exactly these of the three cohorts, for each ICB in one month: dense, zero rows kept.
WITH places AS (
    SELECT DISTINCT
        org_code AS practice_code,
        icb_code AS org_code,
    FROM marts.trends
    WHERE org_level = 'practice' AND icb_code IS NOT NULL
),

people AS (
    SELECT
        places.org_code,
        coalesce(months.high_dose, FALSE) AS high_dose,
        coalesce(months.long_term, FALSE) AS long_term,
        coalesce(months.opioid_gabapentinoid, FALSE) AS opioid_gabapentinoid,
        count(*) AS people,
    FROM marts.patient_month AS months
    INNER JOIN places USING (practice_code)
    WHERE months.month = $month
    GROUP BY ALL
)

SELECT
    icbs.org_code,
    CAST($month AS DATE) AS month,
    high.is_in AS high_dose,
    long.is_in AS long_term,
    both_drugs.is_in AS opioid_gabapentinoid,
    coalesce(people.people, 0) AS people,
FROM (SELECT DISTINCT org_code FROM places) AS icbs
CROSS JOIN (VALUES (TRUE), (FALSE)) AS high (is_in)
CROSS JOIN (VALUES (TRUE), (FALSE)) AS long (is_in)
CROSS JOIN (VALUES (TRUE), (FALSE)) AS both_drugs (is_in)
LEFT JOIN people
    ON icbs.org_code = people.org_code
    AND high.is_in = people.high_dose
    AND long.is_in = people.long_term
    AND both_drugs.is_in = people.opioid_gabapentinoid
WHERE high.is_in OR long.is_in OR both_drugs.is_in
ORDER BY icbs.org_code, high_dose DESC, long_term DESC, opioid_gabapentinoid DESC
