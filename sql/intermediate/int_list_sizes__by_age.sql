-- Registered patients by sex and age, each age as its first and last year.
--
-- Grain: one row per practice, published list, sex, age and form of it (years or bands).
-- Key: practice_code, list_month, sex, form, first_age
--
-- The open last age, such as 95+, is both a year and a band. What is no age is left out. sex ALL stays beside men and women.
WITH aged AS (
    SELECT
        practice_code,
        month AS list_month,
        sex,
        TRY_CAST(regexp_extract(age, '^([0-9]{1,3})([-_][0-9]{1,3}|[+])?$', 1) AS INTEGER) AS first_age,
        CASE
            WHEN age LIKE '%+' THEN 999
            ELSE TRY_CAST(regexp_extract(age, '([0-9]{1,3})$', 1) AS INTEGER)
        END AS last_age,
        registered_patients,
    FROM staging.stg_nhse__list_sizes
)

SELECT
    aged.practice_code,
    aged.list_month,
    aged.sex,
    forms.form,
    aged.first_age,
    aged.last_age,
    aged.registered_patients,
FROM aged
INNER JOIN (VALUES ('years'), ('bands')) AS forms (form)
    ON aged.last_age = 999
    OR (forms.form = 'years' AND aged.first_age = aged.last_age)
    OR (forms.form = 'bands' AND aged.first_age < aged.last_age)
WHERE aged.first_age IS NOT NULL
