-- How the newest publication of a snapshot was asked for: its as-at month, and the reason given for items without a dose.
SELECT
    CAST(as_at_month AS DATE) AS as_at_month,
    allow_unconverted,
FROM marts.runs
WHERE snapshot_id = $snapshot_id AND outcome = 'published'
ORDER BY started_at DESC, run_id DESC
LIMIT 1
