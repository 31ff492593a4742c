-- Every cost centre that prescribed a followed item, with its name and its place in the NHS on current boundaries.
--
-- Grain: one row per cost centre.
-- Key: practice_code
--
-- is_gp_practice comes from the organisation register; a cost centre the register does not know is a GP practice where
-- it has a registered list. It is NULL where no reference at all is loaded: unknown, not "no". The place is that of the last
-- period of int_organisations__dated; the history of a practice that has a successor counts where the successor is.
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

current_places AS (
    SELECT
        practice_code,
        pcn_code,
        sub_icb_code,
        icb_code,
        region_code,
    FROM intermediate.int_organisations__dated
    WHERE end_date = DATE '9999-12-31'
),

map_names AS (
    SELECT
        practice_code,
        max(practice_name) AS practice_name,
    FROM staging.stg_nhse__practice_map
    GROUP BY practice_code
)

SELECT
    cost_centres.practice_code,
    coalesce(register.practice_name, map_names.practice_name) AS practice_name,
    CASE
        WHEN register.is_gp_practice IS NOT NULL THEN register.is_gp_practice
        WHEN listed.practice_code IS NOT NULL THEN TRUE
        WHEN references_loaded.rows_loaded > 0 THEN FALSE
    END AS is_gp_practice,
    places.pcn_code,
    pcns.org_name AS pcn_name,
    places.sub_icb_code,
    sub_icbs.org_name AS sub_icb_name,
    places.icb_code,
    icbs.org_name AS icb_name,
    places.region_code,
    regions.org_name AS region_name,
FROM cost_centres
CROSS JOIN references_loaded
LEFT JOIN staging.stg_ods__practices AS register USING (practice_code)
LEFT JOIN map_names USING (practice_code)
LEFT JOIN listed USING (practice_code)
LEFT JOIN intermediate.int_organisations__successors AS successors USING (practice_code)
LEFT JOIN current_places AS places
    ON coalesce(successors.successor_code, cost_centres.practice_code) = places.practice_code
LEFT JOIN intermediate.int_organisations__names AS pcns
    ON pcns.org_level = 'pcn' AND places.pcn_code = pcns.org_code
LEFT JOIN intermediate.int_organisations__names AS sub_icbs
    ON sub_icbs.org_level = 'sub_icb' AND places.sub_icb_code = sub_icbs.org_code
LEFT JOIN intermediate.int_organisations__names AS icbs
    ON icbs.org_level = 'icb' AND places.icb_code = icbs.org_code
LEFT JOIN intermediate.int_organisations__names AS regions
    ON regions.org_level = 'region' AND places.region_code = regions.org_code
