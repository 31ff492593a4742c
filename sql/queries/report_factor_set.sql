-- The title of a factor set and who has checked it.
SELECT
    title,
    checked_by,
FROM reference.factor_sets
WHERE factor_set = $factor_set
ORDER BY valid_from DESC
LIMIT 1
