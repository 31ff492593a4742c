-- The months in which a patient is looked at: those in whose last six months (it included) an item was dispensed.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_key, month_index
--
-- Each dispensed month carries forward to the month before the next one, at most five months.
WITH dispensed AS (
    SELECT
        patient_key,
        month_index,
        is_opioid_month,
        lead(month_index) OVER by_month AS next_month_index,
        max(CASE WHEN is_opioid_month THEN month_index END) OVER (
            PARTITION BY patient_key ORDER BY month_index ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_opioid_month_index,
    FROM intermediate.int_patient_months__dispensed
    WINDOW by_month AS (PARTITION BY patient_key ORDER BY month_index)
),

carried AS (
    SELECT
        dispensed.patient_key,
        dispensed.month_index + ahead.months AS month_index,
        dispensed.month_index AS last_item_month_index,
        dispensed.last_opioid_month_index,
    FROM dispensed
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5)) AS ahead (months)
    WHERE dispensed.month_index + ahead.months < coalesce(dispensed.next_month_index, dispensed.month_index + 6)
)

SELECT
    carried.patient_key,
    carried.month_index,
    months.month,
    carried.last_item_month_index,
    carried.last_opioid_month_index,
FROM carried
INNER JOIN intermediate.int_months__patient AS months USING (month_index)
WHERE months.is_loaded
