-- Registered patients, all ages, and the months for which a list size stands.
--
-- Grain: one row per practice and published list size.
-- Key: practice_code, list_month
--
-- A file's own ALL row counts where it has one; else the rows by sex and age are summed. A list size stands until the
-- next one of the same practice.
WITH totals AS (
    SELECT
        practice_code,
        month AS list_month,
        coalesce(
            max(CASE WHEN sex = 'ALL' AND age = 'ALL' THEN registered_patients END),
            CAST(sum(CASE WHEN sex <> 'ALL' AND age <> 'ALL' THEN registered_patients END) AS INTEGER)
        ) AS registered_patients,
    FROM staging.stg_nhse__list_sizes
    GROUP BY practice_code, month
)

SELECT
    practice_code,
    list_month,
    coalesce(lead(list_month) OVER (PARTITION BY practice_code ORDER BY list_month), DATE '9999-12-31') AS next_list_month,
    registered_patients,
FROM totals
