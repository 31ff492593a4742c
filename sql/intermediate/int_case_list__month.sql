-- The month the case-finding list is made for, and the month it is compared with.
--
-- Grain: one row per list: one, or none where that month holds no patient data.
-- Key: month
--
-- The month asked for; else the newest that is not provisional; else, where there is only one, the newest.
WITH months AS (
    SELECT
        month,
        month_index,
        calendar_month_number,
        data_month_number,
        is_provisional,
    FROM intermediate.int_months__patient
    WHERE is_loaded
),

chosen AS (
    SELECT coalesce(CAST($as_at_month AS DATE), max(month) FILTER (NOT is_provisional), max(month)) AS month,
    FROM months
)

SELECT
    months.month,
    months.month_index,
    months.calendar_month_number,
    months.data_month_number,
    months.is_provisional,
    previous.month AS previous_month,
    previous.month_index AS previous_month_index,
FROM chosen
INNER JOIN months USING (month)
LEFT JOIN months AS previous ON months.data_month_number = previous.data_month_number + 1
