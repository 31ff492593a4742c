-- What PCNs, sub-ICBs, ICBs and regions are called, those that have ended included.
--
-- Grain: one row per level above practice and organisation that a loaded reference names.
-- Key: org_level, org_code
WITH named AS (
    SELECT 'pcn' AS org_level, pcn_code AS org_code, pcn_name AS org_name, 1 AS rank_of_source,
    FROM staging.stg_ods__pcn_members

    UNION ALL

    SELECT 'sub_icb' AS org_level, sub_icb_code AS org_code, sub_icb_name AS org_name, 1 AS rank_of_source,
    FROM staging.stg_nhse__sub_icbs

    UNION ALL

    SELECT 'icb' AS org_level, icb_code AS org_code, icb_name AS org_name, 1 AS rank_of_source,
    FROM staging.stg_nhse__sub_icbs

    UNION ALL

    SELECT 'pcn' AS org_level, pcn_code AS org_code, pcn_name AS org_name, 2 AS rank_of_source,
    FROM staging.stg_nhse__practice_map

    UNION ALL

    SELECT 'sub_icb' AS org_level, sub_icb_code AS org_code, sub_icb_name AS org_name, 2 AS rank_of_source,
    FROM staging.stg_nhse__practice_map

    UNION ALL

    SELECT 'icb' AS org_level, icb_code AS org_code, icb_name AS org_name, 2 AS rank_of_source,
    FROM staging.stg_nhse__practice_map

    UNION ALL

    SELECT 'region' AS org_level, region_code AS org_code, region_name AS org_name, 2 AS rank_of_source,
    FROM staging.stg_nhse__practice_map
)

SELECT
    org_level,
    org_code,
    org_name,
FROM named
WHERE org_code IS NOT NULL AND org_name IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY org_level, org_code ORDER BY rank_of_source, org_name DESC) = 1
