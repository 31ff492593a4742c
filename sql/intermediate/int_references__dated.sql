-- From which month each loaded reference is, as far as it says.
--
-- Grain: one row per reference with a limit of age.
-- Key: reference
--
-- newest_month is NULL where the reference is not loaded or cannot be dated. A register of organisations is dated by its
-- newest opening or joining only where it holds at least 1,000: fewer need not have had one for years.
WITH loaded AS (
    SELECT
        'list_sizes' AS reference,
        count(*) AS organisations,
        max(list_month) AS newest_date,
    FROM intermediate.int_list_sizes__monthly

    UNION ALL

    SELECT
        'practice_map' AS reference,
        count(*) AS organisations,
        max(extract_month) AS newest_date,
    FROM staging.stg_nhse__practice_map

    UNION ALL

    SELECT
        'epraccur' AS reference,
        count(*) AS organisations,
        CASE WHEN count(*) >= 1000 THEN max(open_date) END AS newest_date,
    FROM staging.stg_ods__practices

    UNION ALL

    SELECT
        'epcn' AS reference,
        count(*) AS organisations,
        CASE WHEN count(*) >= 1000 THEN max(start_date) END AS newest_date,
    FROM staging.stg_ods__pcn_members

    UNION ALL

    SELECT
        'sub_icb_icb' AS reference,
        count(*) AS organisations,
        CAST(NULL AS DATE) AS newest_date,
    FROM staging.stg_nhse__sub_icbs
)

SELECT
    limits.reference,
    coalesce(loaded.organisations > 0, TRUE) AS is_loaded,
    CASE
        WHEN limits.dated_by <> 'edition' THEN CAST(date_trunc('month', loaded.newest_date) AS DATE)
        WHEN coalesce(loaded.organisations > 0, TRUE) THEN CAST(limits.edition || '-01' AS DATE)
    END AS newest_month,
FROM reference.reference_limits AS limits
LEFT JOIN loaded USING (reference)
