-- The files that a publication was made from.
SELECT DISTINCT sha256
FROM marts.load_manifest
ORDER BY sha256
