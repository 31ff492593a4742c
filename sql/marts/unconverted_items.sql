-- Opioid items in scope that have no dose, by product and status: what the figures leave out.
--
-- Grain: one row per source, product and status.
-- Key: source, bnf_code, bnf_description, ome_status
--
-- Deliberate statuses (excluded_by_factor_set, reversal_netted) are listed too and do not count towards the gate that
-- stops publication.
--
-- Columns:
--   counts_towards_gate: TRUE: it counts towards the limit beyond which nothing is published.
--   ome_status: Why there is no dose: strength_unknown, unit_ambiguous, wear_time_unknown, factor_missing,
--     excluded_by_factor_set, quantity_missing, quantity_not_positive or reversal_netted.
--   quantity: Sum of the quantities, in the product's unit. NULL: the source brought none.
--   reason: The same in words.
--   source_rows: Rows of the source.
SELECT
    items.source,
    products.bnf_code,
    products.bnf_description,
    items.ome_status,
    coalesce(items.quantity_reason, products.reason) AS reason,
    count(*) AS source_rows,
    CAST(sum(items.items) AS BIGINT) AS items,
    CAST(sum(items.total_quantity) AS DECIMAL(24, 4)) AS quantity,
    min(items.month) AS first_month,
    max(items.month) AS last_month,
    bool_and(items.ome_status NOT IN ('excluded_by_factor_set', 'reversal_netted')) AS counts_towards_gate,
FROM intermediate.int_items__ome AS items
INNER JOIN reference.products AS products USING (product_number)
WHERE items.ome_status <> 'converted'
GROUP BY ALL
