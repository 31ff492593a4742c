-- Items of every product code of a followed class, month by month.
--
-- Grain: one row per source, month and BNF code as the source wrote it.
-- Key: source, month, bnf_code
--
-- current_bnf_code is what the table of replaced codes makes of the code: the same where nothing replaces it.
SELECT
    items.source,
    items.month,
    products.bnf_code,
    max(products.current_bnf_code) AS current_bnf_code,
    max(products.bnf_description) AS bnf_description,
    max(products.product_class) AS product_class,
    CAST(sum(items.items) AS BIGINT) AS items,
FROM intermediate.int_items__classified AS items
INNER JOIN reference.products AS products USING (product_number)
WHERE products.bnf_code <> '' AND items.items > 0 AND items.month IS NOT NULL
GROUP BY items.source, items.month, products.bnf_code
