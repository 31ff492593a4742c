-- The publications before this one, newest first, by the record of runs that is published with it.
SELECT
    snapshot_id,
    max(finished_at) AS published_at,
FROM marts.runs
WHERE outcome = 'published' AND snapshot_id IS NOT NULL AND snapshot_id <> $snapshot_id
GROUP BY snapshot_id
ORDER BY published_at DESC
