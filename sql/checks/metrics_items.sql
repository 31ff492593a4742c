-- What the landed items of one kind of source look like, counted over every row.
--
-- Grain: one row per month; month is NULL for rows that have none.
-- Key: month
--
-- $source is 'patient' or 'epd'. Quantiles are nearest-rank. rows_change compares with the calendar month before and is
-- NULL where that month is not loaded.
WITH items AS (
    SELECT
        month,
        coalesce(practice_code, '-') AS practice_code,
        patient_key,
        bnf_code,
        items,
        total_quantity,
    FROM intermediate.int_items__described
    WHERE source = $source
),

practices AS (
    SELECT
        month,
        practice_code,
        sum(items) AS items,
        row_number() OVER (PARTITION BY month ORDER BY sum(items), practice_code) AS position,
        count(*) OVER (PARTITION BY month) AS practices,
    FROM items
    GROUP BY month, practice_code
),

practice_months AS (
    SELECT
        month,
        max(practices) AS practices,
        CAST(min(items) FILTER (position >= 0.5 * practices) AS DOUBLE) AS items_per_practice_p50,
        CAST(min(items) FILTER (position >= 0.9 * practices) AS DOUBLE) AS items_per_practice_p90,
    FROM practices
    GROUP BY month
),

quarantined AS (
    SELECT
        month,
        sum(rows_quarantined) / CAST(nullif(sum(rows_read), 0) AS DOUBLE) AS share_quarantined,
    FROM intermediate.int_register__file_months
    WHERE is_current AND source = CASE $source WHEN 'patient' THEN 'patient_items' ELSE $source END
    GROUP BY month
),

months AS (
    SELECT
        month,
        extract(year FROM month) * 12 + extract(month FROM month) AS month_index,
        count(*) AS rows_loaded,
        CAST(count(DISTINCT patient_key) AS BIGINT) AS patients,
        count(*) FILTER (bnf_code = '') / CAST(count(*) AS DOUBLE) AS share_without_product_code,
        count(*) FILTER (practice_code = '-') / CAST(count(*) AS DOUBLE) AS share_without_practice,
        count(*) FILTER (total_quantity IS NULL) / CAST(count(*) AS DOUBLE) AS share_without_quantity,
        count(*) FILTER (total_quantity < 0) / CAST(count(*) AS DOUBLE) AS share_reversed,
        count(*) FILTER (coalesce(items <= 0, TRUE)) / CAST(count(*) AS DOUBLE) AS share_items_not_positive,
        count(*) FILTER (patient_key IS NULL) / CAST(count(*) AS DOUBLE) AS share_unidentified,
    FROM items
    GROUP BY month
),

followed AS (
    SELECT
        month,
        rows_loaded,
        patients,
        share_without_product_code,
        share_without_practice,
        share_without_quantity,
        share_reversed,
        share_items_not_positive,
        share_unidentified,
        CASE WHEN lag(month_index) OVER (ORDER BY month) = month_index - 1 THEN lag(rows_loaded) OVER (ORDER BY month) END
            AS rows_month_before,
    FROM months
)

SELECT
    followed.month,
    followed.rows_loaded,
    followed.patients,
    practice_months.practices,
    followed.share_without_product_code,
    followed.share_without_practice,
    followed.share_without_quantity,
    followed.share_reversed,
    followed.share_items_not_positive,
    followed.share_unidentified,
    quarantined.share_quarantined,
    practice_months.items_per_practice_p50,
    practice_months.items_per_practice_p90,
    followed.rows_month_before,
    followed.rows_loaded / CAST(nullif(followed.rows_month_before, 0) AS DOUBLE) AS rows_change,
FROM followed
LEFT JOIN practice_months ON followed.month IS NOT DISTINCT FROM practice_months.month
LEFT JOIN quarantined ON followed.month IS NOT DISTINCT FROM quarantined.month
ORDER BY followed.month
