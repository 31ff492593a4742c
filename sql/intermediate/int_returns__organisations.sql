-- The organisations that a local return may name, with their parents.
--
-- Grain: one row per organisation.
-- Key: org_code
--
-- A code that stands for organisations of two levels is taken for the higher one.
SELECT
    org_code,
    org_level,
    org_name,
    pcn_code,
    icb_code,
    region_code,
FROM intermediate.int_organisations__attributes
WHERE org_level IN ('practice', 'pcn', 'icb', 'all')
QUALIFY
    row_number() OVER (
        PARTITION BY org_code
        ORDER BY CASE org_level WHEN 'all' THEN 1 WHEN 'icb' THEN 2 WHEN 'pcn' THEN 3 WHEN 'practice' THEN 4 END
    ) = 1
