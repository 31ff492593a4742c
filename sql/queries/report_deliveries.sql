-- The files in use, one row a file and month of it.
SELECT
    sha256,
    layout,
    month,
FROM marts.load_manifest
WHERE is_current
ORDER BY layout, month, sha256
