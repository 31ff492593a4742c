-- Rates of the GP practices, month by month: what practices are compared on.
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
    provisional,
    definition,
FROM marts.trends
WHERE org_level = 'practice' AND is_gp_practice AND numerator IS NOT NULL AND rate_per_1000 IS NOT NULL
ORDER BY measure, month, practice_code
