-- Registered men and women of a practice.
--
-- Grain: one row per practice, published list and sex.
-- Key: practice_code, list_month, sex
--
-- A file's own total of a sex counts where it has one; else its years of age are summed, else its bands.
WITH totals AS (
    SELECT
        practice_code,
        month AS list_month,
        sex,
        registered_patients,
    FROM staging.stg_nhse__list_sizes
    WHERE age = 'ALL' AND sex IN ('MALE', 'FEMALE')
),

summed AS (
    SELECT
        practice_code,
        list_month,
        sex,
        CAST(sum(CASE WHEN form = 'years' THEN registered_patients END) AS INTEGER) AS by_year,
        CAST(sum(CASE WHEN form = 'bands' THEN registered_patients END) AS INTEGER) AS by_band,
        max(CASE WHEN form = 'years' AND last_age < 999 THEN 1 ELSE 0 END) = 1 AS has_years,
    FROM intermediate.int_list_sizes__by_age
    WHERE sex IN ('MALE', 'FEMALE')
    GROUP BY practice_code, list_month, sex
)

SELECT
    practice_code,
    list_month,
    sex,
    coalesce(
        totals.registered_patients,
        CASE WHEN summed.has_years THEN summed.by_year END,
        summed.by_band
    ) AS registered_patients,
FROM totals
FULL JOIN summed USING (practice_code, list_month, sex)
