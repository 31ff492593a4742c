-- Rows of each source of items as they came in, and how many were set aside.
SELECT
    source,
    sum(rows_read) AS rows_read,
    sum(rows_quarantined) AS rows_quarantined,
FROM marts.load_manifest
WHERE source IN ('patient_items', 'epd') AND is_current
GROUP BY source
ORDER BY source DESC
