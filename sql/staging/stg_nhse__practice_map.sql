-- Practice, PCN, sub-ICB location, ICB and region with their names, as published with the list sizes.
--
-- Grain: one row per practice and edition of the map.
-- Key: practice_code, extract_month
-- Kind: view
--
-- Code U stands for "no PCN" in the source. extract_month is the month of the file, written 01JAN2024 or 2024-01-01;
-- NULL in any other form.
SELECT
    practice_code,
    practice_name,
    nullif(pcn_code, 'U') AS pcn_code,
    pcn_name,
    sub_icb_code,
    sub_icb_name,
    icb_code,
    icb_name,
    region_code,
    region_name,
    TRY_CAST(
        CASE
            WHEN extract_date LIKE '____-__-__%' THEN substr(extract_date, 1, 7) || '-01'
            WHEN length(extract_date) = 9
                THEN substr(extract_date, 6, 4) || '-'
                || CASE upper(substr(extract_date, 3, 3))
                    WHEN 'JAN' THEN '01'
                    WHEN 'FEB' THEN '02'
                    WHEN 'MAR' THEN '03'
                    WHEN 'APR' THEN '04'
                    WHEN 'MAY' THEN '05'
                    WHEN 'JUN' THEN '06'
                    WHEN 'JUL' THEN '07'
                    WHEN 'AUG' THEN '08'
                    WHEN 'SEP' THEN '09'
                    WHEN 'OCT' THEN '10'
                    WHEN 'NOV' THEN '11'
                    WHEN 'DEC' THEN '12'
                END
                || '-01'
        END AS DATE
    ) AS extract_month,
FROM raw.practice_map
