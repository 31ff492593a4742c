-- Where the rows stand that speak against a contract of the items: by file and line, never by patient.
--
-- Grain: one row per file and month that has such rows.
-- Key: file_name, month
--
-- $source is 'patient' or 'epd', $metric a column of metrics_items. A metric that no single row breaks finds none.
WITH offending AS (
    SELECT
        left(item_id, 12) AS file_key,
        CAST(substr(item_id, 14) AS BIGINT) AS source_row,
        month,
    FROM intermediate.int_items__described
    WHERE
        source = $source
        AND CASE $metric
            WHEN 'month' THEN month IS NULL
            WHEN 'share_without_product_code' THEN bnf_code = ''
            WHEN 'share_without_practice' THEN practice_code IS NULL
            WHEN 'share_without_quantity' THEN total_quantity IS NULL
            WHEN 'share_reversed' THEN total_quantity < 0
            WHEN 'share_items_not_positive' THEN coalesce(items <= 0, TRUE)
            WHEN 'share_unidentified' THEN patient_key IS NULL
            ELSE FALSE
        END
),

files AS (
    SELECT
        left(sha256, 12) AS file_key,
        max(file_name) AS file_name,
    FROM intermediate.int_register__file_months
    GROUP BY ALL
),

numbered AS (
    SELECT
        file_key,
        month,
        source_row,
        row_number() OVER (PARTITION BY file_key, month ORDER BY source_row) AS position,
        count(*) OVER (PARTITION BY file_key, month) AS offending_rows,
    FROM offending
)

SELECT
    files.file_name,
    numbered.month,
    max(numbered.offending_rows) AS offending_rows,
    string_agg(CAST(numbered.source_row AS VARCHAR), ', ' ORDER BY numbered.source_row) AS first_lines,
FROM numbered
INNER JOIN files USING (file_key)
WHERE numbered.position <= 3
GROUP BY files.file_name, numbered.month
ORDER BY files.file_name, numbered.month
