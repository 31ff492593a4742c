-- Oral morphine equivalence (OME) of an opioid item, counted over every item in scope.
--
-- Grain: one row per source and month.
-- Key: source, month
--
-- Quantiles are nearest-rank over converted items: a row of EPD counts as often as it has items.
WITH items AS (
    SELECT
        source,
        month,
        items,
        ome_mg,
        ome_status,
        is_implausible_quantity,
    FROM intermediate.int_items__ome
),

sizes AS (
    SELECT
        source,
        month,
        ome_mg / CAST(items AS DOUBLE) AS ome_mg_per_item,
        sum(items) AS items,
    FROM items
    WHERE ome_status = 'converted' AND items > 0
    GROUP BY ALL
),

cumulated AS (
    SELECT
        source,
        month,
        ome_mg_per_item,
        sum(items) OVER (
            PARTITION BY source, month ORDER BY ome_mg_per_item ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS items_up_to_here,
        sum(items) OVER (PARTITION BY source, month) AS all_items,
    FROM sizes
),

quantiles AS (
    SELECT
        source,
        month,
        min(ome_mg_per_item) FILTER (items_up_to_here >= 0.5 * all_items) AS ome_mg_per_item_p50,
        min(ome_mg_per_item) FILTER (items_up_to_here >= 0.95 * all_items) AS ome_mg_per_item_p95,
        min(ome_mg_per_item) FILTER (items_up_to_here >= 0.99 * all_items) AS ome_mg_per_item_p99,
    FROM cumulated
    GROUP BY source, month
),

months AS (
    SELECT
        source,
        month,
        CAST(sum(items) AS BIGINT) AS items,
        CAST(count(*) FILTER (ome_mg < 0) AS BIGINT) AS rows_with_negative_dose,
        CAST(count(*) FILTER ((ome_mg IS NULL) = (ome_status = 'converted')) AS BIGINT) AS rows_against_their_status,
        sum(items) FILTER (ome_status NOT IN ('converted', 'excluded_by_factor_set', 'reversal_netted'))
        / CAST(nullif(sum(items), 0) AS DOUBLE) AS share_unconverted,
        sum(items) FILTER (is_implausible_quantity) / CAST(nullif(sum(items), 0) AS DOUBLE) AS share_implausible_quantity,
    FROM items
    GROUP BY source, month
)

SELECT
    source,
    month,
    months.items,
    months.rows_with_negative_dose,
    months.rows_against_their_status,
    coalesce(months.share_unconverted, 0) AS share_unconverted,
    coalesce(months.share_implausible_quantity, 0) AS share_implausible_quantity,
    quantiles.ome_mg_per_item_p50,
    quantiles.ome_mg_per_item_p95,
    quantiles.ome_mg_per_item_p99,
FROM months
LEFT JOIN quantiles USING (source, month)
ORDER BY source, month
