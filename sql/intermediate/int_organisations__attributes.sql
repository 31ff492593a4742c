-- Each organisation once, with its parents.
--
-- Grain: one row per level and organisation.
-- Key: org_level, org_code
--
-- A PCN, sub-ICB or ICB has the parents of most of its practices; ties: the lowest code.
WITH parents AS (
    SELECT
        levels.org_level,
        levels.org_code,
        max(levels.org_name) AS org_name,
        practices.pcn_code,
        practices.pcn_name,
        practices.sub_icb_code,
        practices.icb_code,
        practices.icb_name,
        practices.region_code,
        bool_and(practices.is_gp_practice) AS is_gp_practice,
        count(*) AS practices,
    FROM intermediate.int_organisations__levels AS levels
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    GROUP BY ALL
)

SELECT
    org_level,
    org_code,
    org_name,
    CASE WHEN org_level = 'practice' THEN is_gp_practice END AS is_gp_practice,
    CASE WHEN org_level IN ('practice', 'pcn') THEN pcn_code END AS pcn_code,
    CASE WHEN org_level IN ('practice', 'pcn') THEN pcn_name END AS pcn_name,
    CASE WHEN org_level IN ('practice', 'pcn', 'sub_icb') THEN sub_icb_code END AS sub_icb_code,
    CASE WHEN org_level IN ('practice', 'pcn', 'sub_icb', 'icb') THEN icb_code END AS icb_code,
    CASE WHEN org_level IN ('practice', 'pcn', 'sub_icb', 'icb') THEN icb_name END AS icb_name,
    CASE WHEN org_level IN ('practice', 'pcn', 'sub_icb', 'icb', 'region') THEN region_code END AS region_code,
FROM parents
QUALIFY row_number() OVER (PARTITION BY org_level, org_code ORDER BY practices DESC, icb_code, sub_icb_code, pcn_code) = 1
