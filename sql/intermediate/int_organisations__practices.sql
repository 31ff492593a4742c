-- Every cost centre that prescribed a followed item, with its name and its place in the NHS on current boundaries.
--
-- Grain: one row per cost centre.
-- Key: practice_code
--
-- is_gp_practice comes from the organisation register; a cost centre the register does not know is a GP practice where
-- it has a registered list. It is NULL where no reference at all is loaded: unknown, not "no".
WITH cost_centres AS (
    SELECT DISTINCT practice_code
    FROM intermediate.int_items__classified
    WHERE practice_code IS NOT NULL

    UNION

    SELECT DISTINCT registered_practice_code AS practice_code
    FROM intermediate.int_items__classified
    WHERE registered_practice_code IS NOT NULL
),

listed AS (
    SELECT DISTINCT practice_code
    FROM staging.stg_nhse__list_sizes

    UNION

    SELECT practice_code
    FROM staging.stg_nhse__practice_map
),

references_loaded AS (
    SELECT
        (SELECT count(*) FROM staging.stg_ods__practices) + (SELECT count(*) FROM listed) AS rows_loaded,
),

-- A practice may have several open links; the youngest counts here, then the lowest code.
pcn_members AS (
    SELECT
        practice_code,
        pcn_code,
        pcn_name,
    FROM staging.stg_ods__pcn_members
    WHERE end_date = DATE '9999-12-31'
    QUALIFY row_number() OVER (PARTITION BY practice_code ORDER BY start_date DESC, pcn_code) = 1
),

sub_icb_names AS (
    SELECT
        sub_icb_code,
        max(sub_icb_name) AS sub_icb_name,
    FROM staging.stg_nhse__practice_map
    GROUP BY sub_icb_code
),

icb_names AS (
    SELECT
        icb_code,
        max(icb_name) AS icb_name,
    FROM (
        SELECT
            icb_code,
            icb_name,
        FROM staging.stg_nhse__sub_icbs

        UNION ALL

        SELECT
            map.icb_code,
            map.icb_name,
        FROM staging.stg_nhse__practice_map AS map
        ANTI JOIN staging.stg_nhse__sub_icbs AS sub_icbs USING (icb_code)
    )
    GROUP BY icb_code
),

region_names AS (
    SELECT
        region_code,
        max(region_name) AS region_name,
    FROM staging.stg_nhse__practice_map
    GROUP BY region_code
),

placed AS (
    SELECT
        cost_centres.practice_code,
        coalesce(register.practice_name, map.practice_name) AS practice_name,
        CASE
            WHEN register.is_gp_practice IS NOT NULL THEN register.is_gp_practice
            WHEN listed.practice_code IS NOT NULL THEN TRUE
            WHEN references_loaded.rows_loaded > 0 THEN FALSE
        END AS is_gp_practice,
        coalesce(pcn_members.pcn_code, map.pcn_code) AS pcn_code,
        coalesce(pcn_members.pcn_name, map.pcn_name) AS pcn_name,
        coalesce(register.sub_icb_code, map.sub_icb_code) AS sub_icb_code,
        coalesce(sub_icbs.icb_code, register.icb_code, map.icb_code) AS icb_code,
        coalesce(register.region_code, map.region_code) AS region_code,
        sub_icbs.sub_icb_name,
    FROM cost_centres
    CROSS JOIN references_loaded
    LEFT JOIN staging.stg_ods__practices AS register USING (practice_code)
    LEFT JOIN staging.stg_nhse__practice_map AS map USING (practice_code)
    LEFT JOIN listed USING (practice_code)
    LEFT JOIN pcn_members USING (practice_code)
    LEFT JOIN staging.stg_nhse__sub_icbs AS sub_icbs
        ON coalesce(register.sub_icb_code, map.sub_icb_code) = sub_icbs.sub_icb_code
)

SELECT
    placed.practice_code,
    placed.practice_name,
    placed.is_gp_practice,
    placed.pcn_code,
    placed.pcn_name,
    placed.sub_icb_code,
    coalesce(placed.sub_icb_name, sub_icb_names.sub_icb_name) AS sub_icb_name,
    placed.icb_code,
    icb_names.icb_name,
    placed.region_code,
    region_names.region_name,
FROM placed
LEFT JOIN sub_icb_names USING (sub_icb_code)
LEFT JOIN icb_names USING (icb_code)
LEFT JOIN region_names USING (region_code)
