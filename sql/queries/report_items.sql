-- Opioid items of each source and the patients behind them; of those, the ones without a dose.
WITH unconverted AS (
    SELECT DISTINCT source, bnf_code, bnf_description, ome_status
    FROM marts.unconverted_items
    WHERE counts_towards_gate
),

judged AS (
    SELECT
        items.source,
        items.items,
        items.patient_key,
        items.bnf_code,
        items.bnf_description,
        unconverted.source IS NOT NULL AS is_unconverted,
    FROM marts.item_ome AS items
    LEFT JOIN unconverted
        ON items.source = unconverted.source
        AND items.ome_status = unconverted.ome_status
        AND items.bnf_code IS NOT DISTINCT FROM unconverted.bnf_code
        AND items.bnf_description IS NOT DISTINCT FROM unconverted.bnf_description
)

SELECT
    source,
    sum(items) AS items,
    count(DISTINCT patient_key) AS people,
    count(DISTINCT (bnf_code, bnf_description)) FILTER (is_unconverted) AS unconverted_products,
    coalesce(sum(items) FILTER (is_unconverted), 0) AS unconverted_items,
    count(DISTINCT patient_key) FILTER (is_unconverted) AS unconverted_people,
FROM judged
GROUP BY source
ORDER BY source DESC
