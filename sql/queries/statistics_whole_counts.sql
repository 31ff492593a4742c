-- The numerators of everybody together: what an aim that is a number of people is shared out by.
SELECT
    measure,
    month,
    numerator,
FROM intermediate.int_trends__counts
WHERE org_level = 'all'
ORDER BY measure, month
