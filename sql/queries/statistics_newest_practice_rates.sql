-- Rates of the GP practices in the newest month of each measure that is not provisional: what they are compared on.
WITH rates AS (
    SELECT
        org_code AS practice_code,
        org_name AS practice_name,
        pcn_code,
        icb_code,
        month,
        measure,
        unit,
        numerator,
        denominator,
        denominator_basis,
        rate_per_1000,
        definition,
    FROM marts.trends
    WHERE
        org_level = 'practice'
        AND is_gp_practice
        AND numerator IS NOT NULL
        AND rate_per_1000 IS NOT NULL
        AND NOT provisional
),

newest AS (
    SELECT
        measure,
        max(month) AS month,
    FROM rates
    GROUP BY measure
)

SELECT rates.*
FROM rates
INNER JOIN newest
    ON rates.measure = newest.measure
    AND rates.month = newest.month
ORDER BY rates.measure, rates.practice_code
