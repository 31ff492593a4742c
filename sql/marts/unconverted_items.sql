-- Opioid items in scope that have no dose, by product and status: what the figures leave out.
--
-- Grain: one row per source, product and status.
-- Key: source, bnf_code, bnf_description, ome_status
--
-- Deliberate statuses (excluded_by_factor_set, reversal_netted) are listed too and do not count towards the gate that
-- stops publication.
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
