-- The months of patient data, with what a window that ends in each of them can count on.
--
-- Grain: one row per calendar month from the first to the last month loaded.
-- Key: month
--
-- data_month_number counts loaded months. A month that is missing from the data has no days: it leaves numerator and
-- denominator alike. The loaded_days columns are the denominators of windows that no episode cuts short.
WITH loaded AS (
    SELECT DISTINCT month
    FROM staging.stg_register__file_months
    WHERE source = 'patient_items' AND is_current AND month IS NOT NULL AND rows_read > rows_quarantined
),

span AS (
    SELECT
        min(month) AS first_month,
        max(month) AS last_month,
    FROM loaded
),

months AS (
    SELECT
        calendar.month,
        calendar.month_index,
        loaded.month IS NOT NULL AS is_loaded,
        CASE WHEN loaded.month IS NULL THEN 0 ELSE calendar.days_in_month END AS loaded_days,
        CASE WHEN loaded.month IS NULL THEN 0 ELSE 1 END AS loaded_months,
    FROM reference.months AS calendar
    INNER JOIN span ON calendar.month BETWEEN span.first_month AND span.last_month
    LEFT JOIN loaded ON calendar.month = loaded.month
)

SELECT
    month,
    month_index,
    is_loaded,
    month_index - min(month_index) OVER () + 1 AS calendar_month_number,
    CAST(sum(loaded_months) OVER so_far AS INTEGER) AS data_month_number,
    CAST(sum(loaded_days) OVER so_far AS INTEGER) AS loaded_days_so_far,
    CAST(sum(loaded_days) OVER so_far AS INTEGER) - loaded_days AS loaded_days_before,
    loaded_days AS loaded_days_1m,
    CAST(sum(loaded_days) OVER (ORDER BY month_index ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS INTEGER) AS loaded_days_3m,
    CAST(sum(loaded_days) OVER (ORDER BY month_index ROWS BETWEEN 5 PRECEDING AND CURRENT ROW) AS INTEGER) AS loaded_days_6m,
    CAST(sum(loaded_days) OVER (ORDER BY month_index ROWS BETWEEN 11 PRECEDING AND CURRENT ROW) AS INTEGER) AS loaded_days_12m,
    CAST(sum(loaded_days) OVER (ORDER BY month_index ROWS BETWEEN 11 PRECEDING AND 6 PRECEDING) AS INTEGER)
        AS loaded_days_6m_before,
    CAST(sum(loaded_months) OVER (ORDER BY month_index ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS INTEGER)
        AS loaded_months_3m,
    CAST(sum(loaded_months) OVER (ORDER BY month_index ROWS BETWEEN 8 PRECEDING AND 6 PRECEDING) AS INTEGER)
        AS loaded_months_3m_six_before,
    CAST(sum(loaded_months) OVER (ORDER BY month_index ROWS BETWEEN 11 PRECEDING AND CURRENT ROW) AS INTEGER)
        AS loaded_months_12m,
    month_index = max(month_index) OVER () AS is_provisional,
FROM months
WINDOW so_far AS (ORDER BY month_index ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
