-- The newest month that each list of organisations or list sizes speaks of.
SELECT
    layout,
    max(month) AS newest_month,
FROM marts.load_manifest
WHERE is_current
GROUP BY layout
ORDER BY layout
