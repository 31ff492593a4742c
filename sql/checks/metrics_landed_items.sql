-- What the landed items look like, counted over every row.
--
-- Grain: one row per source and month.
-- Key: source, month
SELECT
    source,
    month,
    count(*) AS rows_loaded,
    count(*) FILTER (month IS NULL) AS rows_without_month,
    count(*) FILTER (bnf_code = '') / CAST(count(*) AS DOUBLE) AS share_without_product_code,
    count(*) FILTER (practice_code IS NULL) / CAST(count(*) AS DOUBLE) AS share_without_practice,
    count(*) FILTER (total_quantity IS NULL) / CAST(count(*) AS DOUBLE) AS share_without_quantity,
    count(*) FILTER (coalesce(items <= 0, TRUE)) / CAST(count(*) AS DOUBLE) AS share_items_not_positive,
FROM intermediate.int_items__described
GROUP BY source, month
ORDER BY source, month
