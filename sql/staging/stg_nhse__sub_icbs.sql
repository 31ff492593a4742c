-- Sub-ICB locations, each with its integrated care board (ICB), edition by edition.
--
-- Grain: one row per sub-ICB location, its ICB, their names, first and last day, however many files say so.
-- Key: sub_icb_code, sub_icb_name, icb_code, icb_name, start_date, end_date
-- Kind: view
--
-- A file without days speaks of all time: from 1900-01-01. end_date is the last day, 9999-12-31 where none is given.
SELECT DISTINCT
    sub_icb_code,
    sub_icb_name,
    icb_code,
    icb_name,
    coalesce(
        TRY_CAST(substr(replace(start_date, '-', ''), 1, 4) || '-' || substr(replace(start_date, '-', ''), 5, 2) || '-'
            || substr(replace(start_date, '-', ''), 7, 2) AS DATE),
        DATE '1900-01-01'
    ) AS start_date,
    coalesce(
        TRY_CAST(substr(replace(end_date, '-', ''), 1, 4) || '-' || substr(replace(end_date, '-', ''), 5, 2) || '-'
            || substr(replace(end_date, '-', ''), 7, 2) AS DATE),
        DATE '9999-12-31'
    ) AS end_date,
FROM raw.sub_icb_icb
