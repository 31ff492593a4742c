-- Totals of opioid items that differ between the items and the trend table: lost or doubled on the way.
--
-- Grain: one row per offending source and month.
-- Key: measure, month
WITH items AS (
    SELECT
        CASE source WHEN 'patient' THEN 'opioid_items' WHEN 'epd' THEN 'epd_opioid_items' END AS measure,
        month,
        sum(items) AS items,
    FROM marts.item_ome
    GROUP BY ALL
),

trends AS (
    SELECT
        measure,
        month,
        numerator AS items,
    FROM marts.trends
    WHERE org_level = 'all' AND measure IN ('opioid_items', 'epd_opioid_items')
)

SELECT
    measure,
    month,
    items.items,
    trends.items AS trend_items,
FROM items
FULL JOIN trends USING (measure, month)
WHERE coalesce(items.items, 0) <> coalesce(trends.items, 0)
