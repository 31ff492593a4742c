-- The months that the patient data hold, and which of them the lists and the latest figures are made for.
SELECT
    month,
    coalesce(month = (SELECT max(as_at_month) FROM marts.sensitivity), FALSE) AS is_as_at,
FROM marts.trends
WHERE org_level = 'all' AND measure = 'any_opioid'
ORDER BY month
