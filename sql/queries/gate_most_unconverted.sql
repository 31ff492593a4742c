-- The five products that hold most of the items without a dose.
SELECT
    coalesce(nullif(bnf_description, ''), bnf_code) AS product,
    ome_status,
    items,
FROM marts.unconverted_items
WHERE counts_towards_gate
ORDER BY items DESC, product, ome_status
LIMIT 5
