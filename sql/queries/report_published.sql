-- The publications that the warehouse knows of, its own included, newest first: one row a snapshot.
SELECT
    arg_max(run_id, started_at) AS run_id,
    snapshot_id,
    max(finished_at) AS finished_at,
    arg_max(cohort_version, started_at) AS cohort_version,
    arg_max(factor_set, started_at) AS factor_set,
    arg_max(scope, started_at) AS scope,
FROM marts.runs
WHERE outcome = 'published' AND snapshot_id IS NOT NULL
GROUP BY snapshot_id
ORDER BY max(started_at) DESC, snapshot_id
