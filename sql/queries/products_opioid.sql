-- Opioid products that occur, each with its OME per unit or the reason why it has none.
SELECT
    bnf_code,
    bnf_description,
    drug,
    route,
    form,
    ome_mg_per_unit,
    ome_status,
    resolved_by,
    resolved_from,
FROM reference.products
WHERE product_class = 'opioid'
ORDER BY bnf_code, bnf_description
