-- Everything that is said of one person, month by month. All columns: whatever cohorts the mart has, they are explained.
SELECT months.*
FROM marts.patient_month AS months
WHERE patient_key = $patient_key
ORDER BY month
