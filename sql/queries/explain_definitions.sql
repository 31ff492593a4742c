-- By which definitions a snapshot was made.
SELECT
    cohort_version,
    factor_set,
    scope,
FROM marts.runs
WHERE snapshot_id = $snapshot_id AND outcome = 'published'
ORDER BY started_at DESC, run_id DESC
LIMIT 1
