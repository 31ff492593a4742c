-- Items of every class that is followed, each with the number of its product.
--
-- Grain: one row per item (patient source) or row (EPD).
-- Key: item_id
--
-- Narrow on purpose: what a product is stands once, in reference.products.
WITH products AS (
    SELECT
        product_number,
        bnf_code,
        bnf_description,
        product_class,
        in_scope,
    FROM reference.products
    WHERE product_class <> 'not_followed'
)

SELECT
    items.source,
    items.item_id,
    items.month,
    items.practice_code,
    items.registered_practice_code,
    items.patient_key,
    items.age,
    items.sex,
    items.imd_decile,
    products.product_number,
    products.product_class,
    products.in_scope,
    items.items,
    items.total_quantity,
    items.nic_gbp,
FROM intermediate.int_items__described AS items
INNER JOIN products USING (bnf_code, bnf_description)
