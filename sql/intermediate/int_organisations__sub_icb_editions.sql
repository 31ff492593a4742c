-- To which ICB and region a sub-ICB belongs, period by period, by the look-up or by the editions of the practice map.
--
-- Grain: one row per sub-ICB, source and first day.
-- Key: sub_icb_code, source, start_date
--
-- A row of the look-up ends on its last day, or when the next of its sub-ICB begins. An edition of the map stands until
-- the next one, and no longer than until the organisation register is newer: what is newest speaks. Two files of one
-- delivery may hold the same rows of the look-up: they count once. A sub-ICB that has two ICBs from the same day on is left
-- out, and listed: a look-up that says two things says nothing.
WITH look_up AS (
    SELECT
        sub_icb_code,
        start_date,
        max(end_date) AS end_date,
        min(icb_code) AS icb_code,
    FROM staging.stg_nhse__sub_icbs
    GROUP BY sub_icb_code, start_date
    HAVING count(DISTINCT icb_code) = 1
),

map_editions AS (
    SELECT
        sub_icb_code,
        coalesce(extract_month, DATE '1900-01-01') AS start_date,
        min(icb_code) AS icb_code,
        min(region_code) AS region_code,
    FROM staging.stg_nhse__practice_map
    GROUP BY ALL
),

all_editions AS (
    SELECT DISTINCT start_date,
    FROM map_editions
),

map_periods AS (
    SELECT
        start_date,
        coalesce(
            CAST(lead(start_date) OVER (ORDER BY start_date) - INTERVAL 1 DAY AS DATE),
            CASE
                WHEN known.register_newest_date > start_date AND start_date > DATE '1900-01-01'
                    THEN CAST(known.register_newest_date - INTERVAL 1 DAY AS DATE)
            END,
            DATE '9999-12-31'
        ) AS end_date,
    FROM all_editions
    CROSS JOIN intermediate.int_organisations__known_until AS known
)

SELECT
    sub_icb_code,
    'look-up' AS source,
    start_date,
    least(
        end_date,
        coalesce(
            CAST(lead(start_date) OVER (PARTITION BY sub_icb_code ORDER BY start_date) - INTERVAL 1 DAY AS DATE), end_date
        )
    ) AS end_date,
    icb_code,
    CAST(NULL AS VARCHAR) AS region_code,
FROM look_up

UNION ALL

SELECT
    editions.sub_icb_code,
    'map' AS source,
    editions.start_date,
    periods.end_date,
    editions.icb_code,
    editions.region_code,
FROM map_editions AS editions
INNER JOIN map_periods AS periods USING (start_date)
