-- Practices and other cost centres of the NHS organisation register.
--
-- Grain: one row per cost centre.
-- Key: practice_code
-- Kind: view
--
-- A GP practice is prescribing setting 4 (older files) or has the role RO76 (newer ones). joined_date and left_date are
-- those of its link to the sub-ICB. The register also holds Welsh practices (region W00), those of the armed forces and
-- islands (Y99, ICB Q99), and of the Channel Islands and the Isle of Man (ICB YA and a letter): no ICB of England has them.
-- Where one delivery holds two editions, the one with the newest opening speaks of what is in both.
SELECT
    practice_code,
    practice_name,
    region_code,
    icb_code,
    sub_icb_code,
    coalesce(prescribing_setting = '4' OR prescribing_setting LIKE '%RO76%', FALSE) AS is_gp_practice,
    coalesce(region_code IN ('W00', 'Y99') OR icb_code = 'Q99' OR icb_code LIKE 'YA_', FALSE) AS is_outside_england,
    coalesce(upper(status) IN ('C', 'D', 'INACTIVE', 'CLOSED'), FALSE) AS is_closed,
    TRY_CAST(
        substr(replace(open_date, '-', ''), 1, 4) || '-' || substr(replace(open_date, '-', ''), 5, 2) || '-'
        || substr(replace(open_date, '-', ''), 7, 2) AS DATE
    ) AS open_date,
    TRY_CAST(
        substr(replace(close_date, '-', ''), 1, 4) || '-' || substr(replace(close_date, '-', ''), 5, 2) || '-'
        || substr(replace(close_date, '-', ''), 7, 2) AS DATE
    ) AS close_date,
    TRY_CAST(
        substr(replace(joined_date, '-', ''), 1, 4) || '-' || substr(replace(joined_date, '-', ''), 5, 2) || '-'
        || substr(replace(joined_date, '-', ''), 7, 2) AS DATE
    ) AS joined_date,
    TRY_CAST(
        substr(replace(left_date, '-', ''), 1, 4) || '-' || substr(replace(left_date, '-', ''), 5, 2) || '-'
        || substr(replace(left_date, '-', ''), 7, 2) AS DATE
    ) AS left_date,
FROM (
    SELECT *, max(replace(open_date, '-', '')) OVER (PARTITION BY file_sha256) AS newest_opening,
    FROM raw.epraccur
) AS editions
QUALIFY row_number() OVER (
    PARTITION BY practice_code ORDER BY newest_opening DESC NULLS LAST, file_sha256, source_row
) = 1
