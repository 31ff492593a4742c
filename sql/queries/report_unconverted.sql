-- Items without a dose, product by product, with the patients behind them.
SELECT
    items.source,
    coalesce(nullif(items.bnf_description, ''), items.bnf_code) AS product,
    items.ome_status,
    sum(items.items) AS items,
    count(DISTINCT items.patient_key) AS people,
FROM marts.item_ome AS items
INNER JOIN (
    SELECT DISTINCT source, bnf_code, bnf_description, ome_status
    FROM marts.unconverted_items
    WHERE counts_towards_gate
) AS unconverted
    ON items.source = unconverted.source
    AND items.ome_status = unconverted.ome_status
    AND items.bnf_code IS NOT DISTINCT FROM unconverted.bnf_code
    AND items.bnf_description IS NOT DISTINCT FROM unconverted.bnf_description
GROUP BY ALL
ORDER BY items.source DESC, product, items.ome_status
