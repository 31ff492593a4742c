-- Each organisation above practice in each month in which it had a practice, with its parents then.
--
-- Grain: one row per level, organisation and month.
-- Key: org_level, org_code, month
--
-- A PCN, sub-ICB or ICB has the parents of most of its practices; ties: the lowest code.
WITH parents AS (
    SELECT
        levels.org_level,
        levels.org_code,
        levels.month,
        sub_icbs.org_code AS sub_icb_code,
        icbs.org_code AS icb_code,
        regions.org_code AS region_code,
        count(*) AS practices,
    FROM intermediate.int_organisations__levels_as_was AS levels
    LEFT JOIN intermediate.int_organisations__levels_as_was AS sub_icbs
        ON levels.practice_code = sub_icbs.practice_code AND levels.month = sub_icbs.month AND sub_icbs.org_level = 'sub_icb'
    LEFT JOIN intermediate.int_organisations__levels_as_was AS icbs
        ON levels.practice_code = icbs.practice_code AND levels.month = icbs.month AND icbs.org_level = 'icb'
    LEFT JOIN intermediate.int_organisations__levels_as_was AS regions
        ON levels.practice_code = regions.practice_code AND levels.month = regions.month AND regions.org_level = 'region'
    GROUP BY ALL
),

majority AS (
    SELECT
        org_level,
        org_code,
        month,
        sub_icb_code,
        icb_code,
        region_code,
    FROM parents
    QUALIFY
        row_number() OVER (PARTITION BY org_level, org_code, month ORDER BY practices DESC, icb_code, sub_icb_code) = 1
)

SELECT
    majority.org_level,
    majority.org_code,
    majority.month,
    names.org_name,
    CAST(NULL AS BOOLEAN) AS is_gp_practice,
    CASE WHEN majority.org_level = 'pcn' THEN majority.org_code END AS pcn_code,
    CASE WHEN majority.org_level = 'pcn' THEN names.org_name END AS pcn_name,
    CASE WHEN majority.org_level IN ('pcn', 'sub_icb') THEN majority.sub_icb_code END AS sub_icb_code,
    CASE WHEN majority.org_level IN ('pcn', 'sub_icb', 'icb') THEN majority.icb_code END AS icb_code,
    CASE WHEN majority.org_level IN ('pcn', 'sub_icb', 'icb') THEN icbs.org_name END AS icb_name,
    majority.region_code,
FROM majority
LEFT JOIN intermediate.int_organisations__names AS names
    ON majority.org_level = names.org_level AND majority.org_code = names.org_code
LEFT JOIN intermediate.int_organisations__names AS icbs ON icbs.org_level = 'icb' AND majority.icb_code = icbs.org_code

UNION ALL

SELECT
    'all' AS org_level,
    'all' AS org_code,
    calendar.month,
    'All loaded data' AS org_name,
    CAST(NULL AS BOOLEAN) AS is_gp_practice,
    CAST(NULL AS VARCHAR) AS pcn_code,
    CAST(NULL AS VARCHAR) AS pcn_name,
    CAST(NULL AS VARCHAR) AS sub_icb_code,
    CAST(NULL AS VARCHAR) AS icb_code,
    CAST(NULL AS VARCHAR) AS icb_name,
    CAST(NULL AS VARCHAR) AS region_code,
FROM reference.months AS calendar
