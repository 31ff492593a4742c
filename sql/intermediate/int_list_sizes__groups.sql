-- Registered patients of a practice by age band and by sex, as the equity tables cut them.
--
-- Grain: one row per practice, published list, dimension (age_band, sex) and value that the list can tell.
-- Key: practice_code, list_month, dimension, dimension_value
--
-- Ages come from years where the list has them, else from its bands, and from men and women together where both are there.
-- A band that is cut in two (15 to 19 lies on both sides of 18) leaves both its sides untold: unknown is never a part.
WITH bands AS (
    SELECT dimension_value, first_age, last_age,
    FROM (
        VALUES
            ('under 18', 0, 17),
            ('18 to 39', 18, 39),
            ('40 to 64', 40, 64),
            ('65 to 74', 65, 74),
            ('75 and over', 75, 999)
    ) AS named (dimension_value, first_age, last_age)
),

-- The best form of each list: years before bands, both sexes before a file's own ALL.
forms AS (
    SELECT
        practice_code,
        list_month,
        form,
        count(DISTINCT CASE WHEN sex IN ('MALE', 'FEMALE') THEN sex END) = 2 AS is_by_sex,
        count(DISTINCT CASE WHEN sex = 'ALL' THEN sex END) = 1 AS is_whole,
    FROM intermediate.int_list_sizes__by_age
    GROUP BY practice_code, list_month, form
    HAVING max(CASE WHEN last_age < 999 THEN 1 ELSE 0 END) = 1
),

chosen AS (
    SELECT
        practice_code,
        list_month,
        form,
        is_by_sex,
    FROM forms
    WHERE is_by_sex OR is_whole
    QUALIFY row_number() OVER (
        PARTITION BY practice_code, list_month ORDER BY CASE form WHEN 'years' THEN 1 WHEN 'bands' THEN 2 END
    ) = 1
),

by_age AS (
    SELECT
        ages.practice_code,
        ages.list_month,
        'age_band' AS dimension,
        bands.dimension_value,
        CAST(sum(ages.registered_patients) AS INTEGER) AS registered_patients,
    FROM intermediate.int_list_sizes__by_age AS ages
    INNER JOIN chosen
        ON ages.practice_code = chosen.practice_code
        AND ages.list_month = chosen.list_month
        AND ages.form = chosen.form
        AND CASE WHEN chosen.is_by_sex THEN ages.sex IN ('MALE', 'FEMALE') ELSE ages.sex = 'ALL' END
    INNER JOIN bands ON ages.first_age <= bands.last_age AND ages.last_age >= bands.first_age
    GROUP BY ages.practice_code, ages.list_month, bands.dimension_value
    HAVING bool_and(ages.first_age >= bands.first_age AND ages.last_age <= bands.last_age)
)

SELECT
    practice_code,
    list_month,
    dimension,
    dimension_value,
    registered_patients,
FROM by_age

UNION ALL

SELECT
    practice_code,
    list_month,
    'sex' AS dimension,
    CASE sex WHEN 'MALE' THEN 'M' WHEN 'FEMALE' THEN 'F' END AS dimension_value,
    registered_patients,
FROM intermediate.int_list_sizes__by_sex
