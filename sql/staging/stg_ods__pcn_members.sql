-- Membership of practices in primary care networks (PCN), ended links included.
--
-- Grain: one row per link of a practice to a PCN.
-- Key: practice_code, pcn_code, start_date, end_date
-- Kind: view
--
-- Code U stands for "no PCN" in the source and is left out. An open link ends on 9999-12-31. Where one delivery holds two
-- editions, the one that tells of the newest day speaks of a link that is in both: it may have ended since.
SELECT
    practice_code,
    pcn_code,
    pcn_name,
    coalesce(
        CAST(substr(replace(start_date, '-', ''), 1, 4) || '-' || substr(replace(start_date, '-', ''), 5, 2) || '-'
            || substr(replace(start_date, '-', ''), 7, 2) AS DATE),
        DATE '1900-01-01'
    ) AS start_date,
    coalesce(
        CAST(substr(replace(end_date, '-', ''), 1, 4) || '-' || substr(replace(end_date, '-', ''), 5, 2) || '-'
            || substr(replace(end_date, '-', ''), 7, 2) AS DATE),
        DATE '9999-12-31'
    ) AS end_date,
FROM (
    SELECT
        *,
        max(greatest(replace(start_date, '-', ''), coalesce(replace(end_date, '-', ''), ''))) OVER (PARTITION BY file_sha256)
            AS newest_day,
    FROM raw.epcn
) AS editions
WHERE pcn_code <> 'U'
QUALIFY rank() OVER (
    PARTITION BY practice_code, pcn_code, start_date ORDER BY newest_day DESC NULLS LAST, file_sha256
) = 1
