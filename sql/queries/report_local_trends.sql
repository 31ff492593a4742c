-- Local returns of every level: protected by pipelines.disclosure.local before a figure of them is shown.
SELECT * FROM marts.local_trends ORDER BY org_level, org_code, measure, month
