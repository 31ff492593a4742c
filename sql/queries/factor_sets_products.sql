-- Each product in scope with its OME per unit, or why it has none, and its items.
--
-- Patients' items where there are any: EPD counts the same dispensing again.
SELECT
    products.bnf_code,
    products.bnf_description,
    coalesce(CAST(products.ome_mg_per_unit AS VARCHAR), products.ome_status) AS ome,
    CAST(sum(items.items) AS BIGINT) AS items,
FROM reference.products AS products
INNER JOIN intermediate.int_items__classified AS items USING (product_number)
WHERE products.in_scope AND items.source = (SELECT max(source) FROM intermediate.int_items__classified)
GROUP BY ALL
