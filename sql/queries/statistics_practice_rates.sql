-- Rates of the GP practices, month by month: what their deciles are drawn from.
SELECT
    month,
    measure,
    denominator,
    denominator_basis,
    rate_per_1000,
FROM marts.trends
WHERE org_level = 'practice' AND is_gp_practice AND numerator IS NOT NULL AND rate_per_1000 IS NOT NULL
