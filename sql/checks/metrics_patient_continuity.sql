-- Whether people are the same people as before: how many of a month were seen in the three months before.
--
-- Grain: one row per loaded month.
-- Key: month
--
-- A supplier who changes its pseudonyms makes everybody a new person: long-term use, high doses and rises then end for all
-- at once, which looks like success. share_seen_before is NULL where none of the three calendar months before is loaded.
WITH months AS (
    SELECT
        month,
        month_index,
        is_loaded,
        CAST(sum(CASE WHEN is_loaded THEN 1 ELSE 0 END) OVER three_before AS INTEGER) AS months_before,
    FROM intermediate.int_months__patient
    WINDOW three_before AS (ORDER BY month_index ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)
),

people AS (
    SELECT
        month_index,
        lag(month_index) OVER (PARTITION BY patient_number ORDER BY month_index) AS month_index_before,
    FROM intermediate.int_patient_months__dispensed
),

counted AS (
    SELECT
        month_index,
        count(*) AS patients,
        count(*) FILTER (month_index - month_index_before <= 3) AS patients_seen_before,
    FROM people
    GROUP BY month_index
)

SELECT
    months.month,
    coalesce(months.months_before, 0) AS months_before,
    coalesce(counted.patients, 0) AS patients,
    CASE WHEN months.months_before > 0 THEN counted.patients_seen_before / CAST(counted.patients AS DOUBLE) END
        AS share_seen_before,
FROM months
LEFT JOIN counted USING (month_index)
WHERE months.is_loaded
ORDER BY months.month
