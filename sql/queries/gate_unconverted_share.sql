-- The gate: opioid items without a dose that count against publication, and all opioid items.
SELECT
    coalesce(
        sum(items) FILTER (ome_status NOT IN ('converted', 'excluded_by_factor_set', 'reversal_netted')), 0
    ) AS unconverted,
    coalesce(sum(items), 0) AS items,
FROM intermediate.int_items__ome
