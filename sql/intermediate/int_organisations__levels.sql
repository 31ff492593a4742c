-- To which organisation of each level a cost centre belongs, on current boundaries.
--
-- Grain: one row per cost centre and level.
-- Key: practice_code, org_level
--
-- The cost centre "-" stands for what is in no practice: it counts in "all" alone, as do the register's codes for an
-- unknown practice. Cost centres without an opioid item
-- and without a patient appear in no trend.
WITH practices AS (
    SELECT
        practices.practice_code,
        practices.practice_name,
        unallocated.practice_code IS NOT NULL AS is_unallocated,
        practices.pcn_code,
        practices.pcn_name,
        practices.sub_icb_code,
        practices.sub_icb_name,
        practices.icb_code,
        practices.icb_name,
        practices.region_code,
        practices.region_name,
    FROM intermediate.int_organisations__practices AS practices
    LEFT JOIN reference.unallocated_practices AS unallocated USING (practice_code)
    WHERE
        practices.practice_code IN (
            SELECT practice_code
            FROM intermediate.int_items__ome

            UNION ALL

            SELECT practice_code
            FROM intermediate.int_patient_months__judged
        )
)

SELECT
    practice_code,
    'practice' AS org_level,
    practice_code AS org_code,
    practice_name AS org_name,
FROM practices
WHERE NOT is_unallocated

UNION ALL

SELECT
    practice_code,
    'pcn' AS org_level,
    pcn_code AS org_code,
    pcn_name AS org_name,
FROM practices
WHERE pcn_code IS NOT NULL AND NOT is_unallocated

UNION ALL

SELECT
    practice_code,
    'sub_icb' AS org_level,
    sub_icb_code AS org_code,
    sub_icb_name AS org_name,
FROM practices
WHERE sub_icb_code IS NOT NULL AND NOT is_unallocated

UNION ALL

SELECT
    practice_code,
    'icb' AS org_level,
    icb_code AS org_code,
    icb_name AS org_name,
FROM practices
WHERE icb_code IS NOT NULL AND NOT is_unallocated

UNION ALL

SELECT
    practice_code,
    'region' AS org_level,
    region_code AS org_code,
    region_name AS org_name,
FROM practices
WHERE region_code IS NOT NULL AND NOT is_unallocated

UNION ALL

SELECT
    practice_code,
    'all' AS org_level,
    'all' AS org_code,
    'All loaded data' AS org_name,
FROM practices

UNION ALL

SELECT
    '-' AS practice_code,
    'all' AS org_level,
    'all' AS org_code,
    'All loaded data' AS org_name,
