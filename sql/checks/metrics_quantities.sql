-- Quantity of an item by class of product, counted over every item of a followed class.
--
-- Grain: one row per source, product class and month.
-- Key: source, product_class, month
--
-- Quantiles are nearest-rank over items: a row of EPD counts as often as it has items.
WITH sizes AS (
    SELECT
        items.source,
        items.product_class,
        items.month,
        items.total_quantity / CAST(items.items AS DOUBLE) AS quantity_per_item,
        sum(items.items) AS items,
    FROM intermediate.int_items__classified AS items
    WHERE items.total_quantity > 0 AND items.items > 0
    GROUP BY ALL
),

cumulated AS (
    SELECT
        source,
        product_class,
        month,
        quantity_per_item,
        sum(items) OVER (
            PARTITION BY source, product_class, month ORDER BY quantity_per_item
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS items_up_to_here,
        sum(items) OVER (PARTITION BY source, product_class, month) AS all_items,
    FROM sizes
)

SELECT
    source,
    product_class,
    month,
    CAST(max(all_items) AS BIGINT) AS items,
    min(quantity_per_item) FILTER (items_up_to_here >= 0.5 * all_items) AS quantity_per_item_p50,
    min(quantity_per_item) FILTER (items_up_to_here >= 0.95 * all_items) AS quantity_per_item_p95,
FROM cumulated
GROUP BY source, product_class, month
ORDER BY source, product_class, month
