-- To which organisation above practice a cost centre belonged at the first of each loaded month.
--
-- Grain: one row per cost centre, month and level above practice.
-- Key: practice_code, month, org_level
--
-- A successor takes nothing over here: each practice stands where it was. Practice and "all" are the same on all boundaries.
WITH places AS (
    SELECT
        levels.practice_code,
        months.month,
        dated.pcn_code,
        dated.sub_icb_code,
        dated.icb_code,
        dated.region_code,
    FROM intermediate.int_organisations__levels AS levels
    CROSS JOIN (
        SELECT month,
        FROM intermediate.int_months__patient
        WHERE is_loaded

        UNION

        SELECT month,
        FROM intermediate.int_register__file_months
        WHERE source = 'epd' AND is_current AND month IS NOT NULL AND rows_read > rows_quarantined
    ) AS months
    INNER JOIN intermediate.int_organisations__dated AS dated
        ON levels.practice_code = dated.practice_code AND months.month BETWEEN dated.start_date AND dated.end_date
    WHERE levels.org_level = 'practice'
)

SELECT
    places.practice_code,
    places.month,
    parents.org_level,
    CASE parents.org_level
        WHEN 'pcn' THEN places.pcn_code
        WHEN 'sub_icb' THEN places.sub_icb_code
        WHEN 'icb' THEN places.icb_code
        WHEN 'region' THEN places.region_code
    END AS org_code,
FROM places
CROSS JOIN (VALUES ('pcn'), ('sub_icb'), ('icb'), ('region')) AS parents (org_level)
WHERE
    CASE parents.org_level
        WHEN 'pcn' THEN places.pcn_code
        WHEN 'sub_icb' THEN places.sub_icb_code
        WHEN 'icb' THEN places.icb_code
        WHEN 'region' THEN places.region_code
    END IS NOT NULL
