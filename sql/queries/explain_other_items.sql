-- The items of one person of the other classes that are followed, each with the row of the file it is.
WITH files AS (
    SELECT
        left(sha256, 12) AS file_key,
        min(file_name) AS file_name,
    FROM marts.load_manifest
    GROUP BY file_key
)

SELECT
    items.item_id,
    items.month,
    items.practice_code,
    items.product_class,
    items.drug,
    coalesce(items.bnf_description, items.bnf_code, '') AS product,
    items.total_quantity,
    items.is_counted,
    files.file_name,
    split_part(items.item_id, ':', 1) AS file_key,
    CAST(split_part(items.item_id, ':', 2) AS BIGINT) AS source_row,
FROM marts.other_items AS items
LEFT JOIN files ON split_part(items.item_id, ':', 1) = files.file_key
WHERE items.patient_key = $patient_key
ORDER BY items.month, items.product_class, product, file_key, source_row
