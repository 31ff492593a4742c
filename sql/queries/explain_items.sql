-- The opioid items of one person, each with its product, the factor that gave its dose, and the row of the file it is.
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
    coalesce(items.bnf_description, items.bnf_code, '') AS product,
    items.bnf_code,
    items.drug,
    items.route,
    items.form,
    items.is_immediate_release_fentanyl,
    items.items,
    items.total_quantity,
    items.net_quantity,
    items.quantity_unit,
    products.strength_value,
    products.strength_unit,
    products.wear_hours,
    products.mg_per_unit,
    factors.factor,
    factors.factor_unit,
    factors.factor_basis,
    factors.factor_row,
    factors.factor_row_set,
    factors.factor_source,
    items.factor_set,
    items.ome_mg_per_unit,
    items.ome_mg,
    items.ome_status,
    items.reason,
    items.cautions,
    files.file_name,
    split_part(items.item_id, ':', 1) AS file_key,
    CAST(split_part(items.item_id, ':', 2) AS BIGINT) AS source_row,
FROM marts.item_ome AS items
LEFT JOIN reference.products AS products
    ON coalesce(items.bnf_code, '') = products.bnf_code AND coalesce(items.bnf_description, '') = products.bnf_description
LEFT JOIN reference.products_by_factor_set AS factors
    ON products.product_number = factors.product_number AND items.factor_set = factors.factor_set
LEFT JOIN files ON split_part(items.item_id, ':', 1) = files.file_key
WHERE items.source = 'patient' AND items.patient_key = $patient_key
ORDER BY items.month, product, file_key, source_row
