-- Files whose landed rows are not those that landing counted, or whose counts do not add up.
--
-- Grain: one row per offending file.
-- Key: sha256
WITH counted AS (
    SELECT
        left(sha256, 12) AS file_key,
        sha256,
        sum(rows_loaded) AS rows_loaded,
        sum(rows_out_of_scope) AS rows_out_of_scope,
        bool_and(rows_read = rows_loaded + rows_out_of_scope + rows_quarantined + rows_duplicate) AS adds_up,
    FROM intermediate.int_register__file_months
    WHERE is_current AND source IN ('patient_items', 'epd')
    GROUP BY ALL
),

landed AS (
    SELECT
        left(item_id, 12) AS file_key,
        count(*) AS landed_rows,
    FROM intermediate.int_items__described
    GROUP BY ALL
)

SELECT
    counted.sha256,
    counted.rows_loaded,
    landed.landed_rows,
FROM counted
LEFT JOIN landed USING (file_key)
WHERE
    NOT counted.adds_up
    OR coalesce(landed.landed_rows, 0) < counted.rows_loaded
    OR coalesce(landed.landed_rows, 0) > counted.rows_loaded + counted.rows_out_of_scope
