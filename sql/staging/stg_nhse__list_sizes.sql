-- Registered patients of a practice at the first of a month, by the source's own sex and age bands.
--
-- Grain: one row per practice, month, sex and age.
-- Key: practice_code, month, sex, age
-- Kind: view
--
-- sex is ALL, MALE or FEMALE, or what else a source says; age is ALL, a year (40), a band (40_44) or what else it says.
-- Rows of a PCN or an ICB are left out. What two files tell, such as the total of men that files by year and by band both
-- hold, comes from the one with fewer rows for the month.
SELECT
    practice_code,
    CAST(month AS DATE) AS month,
    CASE WHEN upper(sex) = 'M' THEN 'MALE' WHEN upper(sex) = 'F' THEN 'FEMALE' ELSE coalesce(upper(sex), 'ALL') END AS sex,
    coalesce(upper(age), 'ALL') AS age,
    CAST(replace(patients, ',', '') AS INTEGER) AS registered_patients,
FROM (
    SELECT *, count(*) OVER (PARTITION BY file_sha256, month) AS rows_in_file,
    FROM raw.list_sizes
) AS lists
WHERE coalesce(upper(org_type), 'GP') = 'GP'
QUALIFY row_number() OVER (
    PARTITION BY practice_code, month, coalesce(upper(sex), 'ALL'), coalesce(upper(age), 'ALL')
    ORDER BY rows_in_file, file_sha256, source_row
) = 1
