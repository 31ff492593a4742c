-- What the registered lists look like in each month they were published for.
--
-- Grain: one row per month of a published list.
-- Key: month
--
-- Quantiles are nearest-rank over practices that have patients.
WITH lists AS (
    SELECT
        list_month AS month,
        practice_code,
        registered_patients,
    FROM intermediate.int_list_sizes__monthly
),

ranked AS (
    SELECT
        month,
        registered_patients,
        row_number() OVER (PARTITION BY month ORDER BY registered_patients, practice_code) AS position,
        count(*) OVER (PARTITION BY month) AS practices,
    FROM lists
    WHERE registered_patients > 0
),

quantiles AS (
    SELECT
        month,
        CAST(min(registered_patients) FILTER (position >= 0.5 * practices) AS DOUBLE) AS patients_per_practice_p50,
        CAST(min(registered_patients) FILTER (position >= 0.99 * practices) AS DOUBLE) AS patients_per_practice_p99,
    FROM ranked
    GROUP BY month
),

months AS (
    SELECT
        month,
        count(*) AS practices,
        CAST(sum(registered_patients) AS BIGINT) AS registered_patients,
        count(*) FILTER (registered_patients < 0) AS practices_below_zero,
        count(*) FILTER (coalesce(registered_patients, 0) = 0) / CAST(count(*) AS DOUBLE) AS share_of_empty_lists,
    FROM lists
    GROUP BY month
)

SELECT
    month,
    months.practices,
    months.registered_patients,
    months.practices_below_zero,
    months.share_of_empty_lists,
    quantiles.patients_per_practice_p50,
    quantiles.patients_per_practice_p99,
    months.registered_patients / CAST(nullif(lag(months.registered_patients) OVER (ORDER BY month), 0) AS DOUBLE)
        AS registered_patients_change,
FROM months
LEFT JOIN quantiles USING (month)
ORDER BY month
