-- Registered patients, all ages, and the months for which a list size stands.
--
-- Grain: one row per practice and published list size.
-- Key: practice_code, list_month
--
-- A file's own ALL row counts where it has one; else men and women are summed, where both are there: of one sex alone the
-- whole is not known, and the list before stands; else all years of age, else all bands. A list size stands until the
-- next one of the same practice.
WITH by_sex AS (
    SELECT
        practice_code,
        list_month,
        CAST(sum(registered_patients) AS INTEGER) AS registered_patients,
    FROM intermediate.int_list_sizes__by_sex
    GROUP BY practice_code, list_month
    HAVING count(DISTINCT sex) = 2
),

by_age AS (
    SELECT
        practice_code,
        list_month,
        form,
        CAST(sum(registered_patients) AS INTEGER) AS registered_patients,
    FROM intermediate.int_list_sizes__by_age
    WHERE sex = 'ALL'
    GROUP BY practice_code, list_month, form
    HAVING max(CASE WHEN last_age < 999 THEN 1 ELSE 0 END) = 1
),

whole AS (
    SELECT
        practice_code,
        month AS list_month,
        registered_patients,
    FROM staging.stg_nhse__list_sizes
    WHERE sex = 'ALL' AND age = 'ALL'
),

ranked AS (
    SELECT practice_code, list_month, registered_patients, 1 AS rank_of_source,
    FROM whole

    UNION ALL

    SELECT practice_code, list_month, registered_patients, 2 AS rank_of_source,
    FROM by_sex

    UNION ALL

    SELECT
        practice_code,
        list_month,
        registered_patients,
        CASE form WHEN 'years' THEN 3 WHEN 'bands' THEN 4 END AS rank_of_source,
    FROM by_age
),

totals AS (
    SELECT
        practice_code,
        list_month,
        registered_patients,
    FROM ranked
    QUALIFY row_number() OVER (PARTITION BY practice_code, list_month ORDER BY rank_of_source) = 1
)

SELECT
    practice_code,
    list_month,
    coalesce(lead(list_month) OVER (PARTITION BY practice_code ORDER BY list_month), DATE '9999-12-31') AS next_list_month,
    registered_patients,
FROM totals
