-- Registered patients of a practice at the first of a month, by the source's own sex and age bands.
--
-- Grain: one row per practice, month, sex and age.
-- Key: practice_code, month, sex, age
-- Kind: view
SELECT
    practice_code,
    CAST(month AS DATE) AS month,
    coalesce(upper(sex), 'ALL') AS sex,
    coalesce(upper(age), 'ALL') AS age,
    CAST(replace(patients, ',', '') AS INTEGER) AS registered_patients,
FROM raw.list_sizes
