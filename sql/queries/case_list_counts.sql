-- Each rule of the list counted for a practice, a PCN, no practice or everyone: on the list, excluded by review, under 18,
-- and the same measure in the trends (NULL where the trends have no such measure, or nothing for that organisation).
WITH counted AS (
    SELECT
        rules.rule,
        count(*) AS patients,
        count(*) FILTER (rules.is_listed) AS listed,
        count(*) FILTER (rules.excluded AND NOT rules.is_under_18) AS excluded,
        count(*) FILTER (rules.is_under_18) AS under_18,
    FROM marts.case_list_rules AS rules
    LEFT JOIN (
        SELECT
            org_code,
            pcn_code,
        FROM marts.trends
        WHERE org_level = 'practice' AND measure = 'any_opioid' AND month = $as_at_month
    ) AS practices ON rules.practice_code = practices.org_code
    WHERE
        $is_everyone
        OR rules.practice_code = $practice_code
        OR practices.pcn_code = $pcn_code
        OR ($is_unallocated AND rules.practice_code IS NULL)
    GROUP BY rules.rule
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
