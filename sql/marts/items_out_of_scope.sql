-- Opioid-like products that are not counted for dose, and why.
--
-- Grain: one row per source, product, reason and month.
-- Key: source, bnf_code, bnf_description, reason, month
--
-- Columns:
--   drug: Plain name of the drug. NULL: none is known.
--   quantity: Sum of the quantities, in the product's unit. NULL: the source brought none.
--   reason: cough, antimotility, opium, dependence_treatment, unknown_opioid_code …: why it is not counted.
SELECT
    items.source,
    products.bnf_code,
    products.bnf_description,
    products.drug,
    products.out_of_scope_reason AS reason,
    items.month,
    CAST(sum(items.items) AS BIGINT) AS items,
    CAST(sum(items.total_quantity) AS DECIMAL(24, 4)) AS quantity,
FROM intermediate.int_items__classified AS items
INNER JOIN reference.products AS products USING (product_number)
WHERE products.out_of_scope_reason IS NOT NULL
GROUP BY ALL
