-- Products of which items have no dose, most items first.
SELECT
    bnf_code,
    bnf_description,
    ome_status,
    reason,
    sum(items) AS items,
    max(last_month) AS last_month,
FROM marts.unconverted_items
GROUP BY ALL
ORDER BY items DESC, bnf_code, bnf_description
