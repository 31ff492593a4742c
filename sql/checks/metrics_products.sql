-- What the resolved products look like, by class.
--
-- Grain: one row per product class.
-- Key: product_class
--
-- A product is a BNF code and description that occurs; in scope are the opioids that count for dose.
SELECT
    product_class,
    count(*) AS products,
    count(*) FILTER (in_scope) AS products_in_scope,
    count(*) FILTER (in_scope AND ome_status = 'converted') AS products_converted,
    count(*) FILTER (in_scope AND (ome_mg_per_unit IS NULL) = (ome_status = 'converted')) AS products_against_their_status,
    count(*) FILTER (ome_mg_per_unit <= 0) AS products_without_a_positive_dose,
    CAST(max(ome_mg_per_unit) AS DOUBLE) AS ome_mg_per_unit_max,
    count(*) FILTER (in_scope AND ome_status <> 'converted' AND coalesce(reason, '') = '') AS products_without_reason,
FROM reference.products
GROUP BY product_class
ORDER BY product_class
