-- The months of items that the last publication held with rows, and the files they came from.
SELECT
    source,
    month,
    sha256,
    file_name,
    rows_loaded,
FROM marts.load_manifest
WHERE is_current AND rows_loaded > 0 AND month IS NOT NULL AND source IN ('patient_items', 'epd')
