-- The newest day that the loaded references of organisations speak of.
--
-- Grain: one row per warehouse.
-- Key: register_newest_date, known_until
--
-- A place in a later month is provisional: the newest known. NULL where no reference bears a day.
WITH days AS (
    SELECT 'register' AS reference, max(greatest(open_date, joined_date)) AS newest_date,
    FROM staging.stg_ods__practices

    UNION ALL

    SELECT
        'members' AS reference,
        max(greatest(start_date, CASE WHEN end_date < DATE '9999-12-31' THEN end_date ELSE start_date END)) AS newest_date,
    FROM staging.stg_ods__pcn_members

    UNION ALL

    SELECT 'map' AS reference, max(extract_month) AS newest_date,
    FROM staging.stg_nhse__practice_map

    UNION ALL

    SELECT 'look-up' AS reference, max(start_date) AS newest_date,
    FROM staging.stg_nhse__sub_icbs
)

SELECT
    max(CASE WHEN reference = 'register' THEN newest_date END) AS register_newest_date,
    max(CASE WHEN newest_date > DATE '1900-01-01' THEN newest_date END) AS known_until,
FROM days
