-- The newest month of each source of items.
SELECT
    source,
    max(month) AS month,
FROM marts.load_manifest
WHERE is_current AND source IN ('patient_items', 'epd') AND rows_loaded > 0
GROUP BY source
ORDER BY source
