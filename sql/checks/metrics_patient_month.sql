-- What the patients of a month look like: how many, how high their dose, how many fall into no practice.
--
-- Grain: one row per month.
-- Key: month
--
-- Quantiles are nearest-rank, of whole mg, over people with an opioid item in the month. patients_change compares with
-- the calendar month before and is NULL for the first month and where a month is missing from the data.
WITH months AS (
    SELECT
        patients.month,
        calendar.month_index,
        count(*) AS patients,
        count(*) FILTER (patients.any_opioid) AS opioid_patients,
        count(*) FILTER (patients.practice_code IS NULL) / CAST(count(*) AS DOUBLE) AS share_without_practice,
        count(*) FILTER (patients.age IS NULL) / CAST(count(*) AS DOUBLE) AS share_without_age,
        count(*) FILTER (coalesce(patients.age NOT BETWEEN 0 AND 115, FALSE)) AS patients_of_impossible_age,
        count(*) FILTER (patients.ome_mg_per_day_3m < 0 OR patients.ome_mg < 0) AS patients_with_negative_dose,
        count(*) FILTER (patients.high_dose AND patients.any_opioid)
        / CAST(nullif(count(*) FILTER (patients.any_opioid), 0) AS DOUBLE) AS share_high_dose,
    FROM marts.patient_month AS patients
    INNER JOIN reference.months AS calendar USING (month)
    GROUP BY patients.month, calendar.month_index
),

doses AS (
    SELECT
        month,
        CAST(floor(ome_mg_per_day_3m) AS INTEGER) AS ome_mg_per_day_3m,
        count(*) AS patients,
    FROM marts.patient_month
    WHERE any_opioid AND ome_mg_per_day_3m IS NOT NULL
    GROUP BY ALL
),

cumulated AS (
    SELECT
        month,
        ome_mg_per_day_3m,
        sum(patients) OVER (
            PARTITION BY month ORDER BY ome_mg_per_day_3m ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS patients_up_to_here,
        sum(patients) OVER (PARTITION BY month) AS all_patients,
    FROM doses
),

quantiles AS (
    SELECT
        month,
        min(ome_mg_per_day_3m) FILTER (patients_up_to_here >= 0.5 * all_patients) AS ome_mg_per_day_3m_p50,
        min(ome_mg_per_day_3m) FILTER (patients_up_to_here >= 0.99 * all_patients) AS ome_mg_per_day_3m_p99,
    FROM cumulated
    GROUP BY month
)

SELECT
    month,
    months.patients,
    months.opioid_patients,
    months.share_without_practice,
    months.share_without_age,
    months.patients_of_impossible_age,
    months.patients_with_negative_dose,
    months.share_high_dose,
    quantiles.ome_mg_per_day_3m_p50,
    quantiles.ome_mg_per_day_3m_p99,
    months.opioid_patients / CAST(
        nullif(
            CASE
                WHEN lag(months.month_index) OVER (ORDER BY month) = months.month_index - 1
                    THEN lag(months.opioid_patients) OVER (ORDER BY month)
            END,
            0
        ) AS DOUBLE
    ) AS opioid_patients_change,
FROM months
LEFT JOIN quantiles USING (month)
ORDER BY month
