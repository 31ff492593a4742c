-- Where every cost centre belongs, from day to day: PCN, sub-ICB, ICB and region with their first and last day.
--
-- Grain: one row per cost centre and period; periods follow each other from 1900-01-01 to 9999-12-31.
-- Key: practice_code, start_date
--
-- PCN: the link in force; of two the youngest, then the lowest code, so that nobody counts twice in an ICB. A closed practice
-- keeps its last one; an open practice whose link ended is in none. Practices that ePCN does not know have that of the map.
-- Sub-ICB: the link of the register in force, else the map's (first, where the map is newer), else the nearest known
-- (place_basis). ICB: that of the sub-ICB in force, by the look-up, else the map, else the register's own. Cost centres
-- outside England have no parents.
WITH cost_centres AS (
    SELECT DISTINCT practice_code
    FROM intermediate.int_items__classified
    WHERE practice_code IS NOT NULL

    UNION

    SELECT DISTINCT registered_practice_code AS practice_code
    FROM intermediate.int_items__classified
    WHERE registered_practice_code IS NOT NULL

    UNION

    SELECT successor_code AS practice_code
    FROM staging.stg_ods__practice_successors
),

register AS (
    SELECT
        practice_code,
        sub_icb_code,
        icb_code,
        region_code,
        is_outside_england,
        is_closed OR coalesce(close_date <= DATE '9999-12-31', FALSE) AS is_closed,
        coalesce(joined_date, DATE '1900-01-01') AS joined_date,
        coalesce(left_date, DATE '9999-12-31') AS left_date,
    FROM staging.stg_ods__practices
),

editions AS (
    SELECT
        practice_code,
        pcn_code,
        sub_icb_code,
        icb_code,
        region_code,
        coalesce(extract_month, DATE '1900-01-01') AS start_date,
        coalesce(
            CAST(
                lead(extract_month) OVER (PARTITION BY practice_code ORDER BY extract_month NULLS FIRST) - INTERVAL 1 DAY
                AS DATE
            ),
            DATE '9999-12-31'
        ) AS end_date,
        row_number() OVER (PARTITION BY practice_code ORDER BY extract_month NULLS FIRST) = 1 AS is_first,
    FROM staging.stg_nhse__practice_map
),

cuts AS (
    SELECT practice_code, DATE '1900-01-01' AS start_date,
    FROM cost_centres

    UNION

    SELECT practice_code, start_date,
    FROM staging.stg_ods__pcn_members

    UNION

    SELECT practice_code, CAST(end_date + INTERVAL 1 DAY AS DATE) AS start_date,
    FROM staging.stg_ods__pcn_members
    WHERE end_date < DATE '9999-12-31'

    UNION

    SELECT practice_code, joined_date AS start_date,
    FROM register

    UNION

    SELECT practice_code, CAST(left_date + INTERVAL 1 DAY AS DATE) AS start_date,
    FROM register
    WHERE left_date < DATE '9999-12-31'

    UNION

    SELECT practice_code, start_date,
    FROM editions

    UNION

    SELECT
        cost_centres.practice_code,
        dates.start_date,
    FROM cost_centres
    CROSS JOIN (
        SELECT start_date,
        FROM intermediate.int_organisations__sub_icb_editions

        UNION

        SELECT CAST(end_date + INTERVAL 1 DAY AS DATE) AS start_date,
        FROM intermediate.int_organisations__sub_icb_editions
        WHERE end_date < DATE '9999-12-31'
    ) AS dates
),

in_pcn AS (
    SELECT
        cuts.practice_code,
        cuts.start_date,
        members.pcn_code,
    FROM cuts
    INNER JOIN register USING (practice_code)
    INNER JOIN staging.stg_ods__pcn_members AS members
        ON cuts.practice_code = members.practice_code
        AND members.start_date <= cuts.start_date
        AND (cuts.start_date <= members.end_date OR register.is_closed)
    QUALIFY row_number() OVER (
        PARTITION BY cuts.practice_code, cuts.start_date
        ORDER BY cuts.start_date <= members.end_date DESC, members.start_date DESC, members.end_date DESC, members.pcn_code
    ) = 1

    UNION ALL

    SELECT
        cuts.practice_code,
        cuts.start_date,
        members.pcn_code,
    FROM cuts
    ANTI JOIN register USING (practice_code)
    INNER JOIN staging.stg_ods__pcn_members AS members
        ON cuts.practice_code = members.practice_code
        AND cuts.start_date BETWEEN members.start_date AND members.end_date
    QUALIFY row_number() OVER (
        PARTITION BY cuts.practice_code, cuts.start_date ORDER BY members.start_date DESC, members.pcn_code
    ) = 1
),

located AS (
    SELECT
        cuts.practice_code,
        cuts.start_date,
        coalesce(register.is_outside_england, FALSE) AS is_outside_england,
        register.icb_code AS register_icb_code,
        CASE
            WHEN members.practice_code IS NULL THEN coalesce(editions.pcn_code, first_edition.pcn_code)
            ELSE in_pcn.pcn_code
        END AS pcn_code,
        CASE
            WHEN editions.start_date > known.register_newest_date THEN editions.sub_icb_code
            WHEN cuts.start_date BETWEEN register.joined_date AND register.left_date THEN register.sub_icb_code
            WHEN editions.practice_code IS NOT NULL THEN editions.sub_icb_code
            ELSE coalesce(register.sub_icb_code, first_edition.sub_icb_code)
        END AS sub_icb_code,
        coalesce(editions.icb_code, first_edition.icb_code) AS map_icb_code,
        CASE
            WHEN editions.start_date > known.register_newest_date THEN editions.region_code
            ELSE coalesce(register.region_code, editions.region_code, first_edition.region_code)
        END AS region_code,
        CASE
            WHEN register.is_outside_england THEN 'outside England'
            WHEN coalesce(register.practice_code, first_edition.practice_code) IS NULL THEN 'in no reference'
            WHEN cuts.start_date BETWEEN register.joined_date AND register.left_date OR editions.practice_code IS NOT NULL
                THEN 'in force'
            WHEN cuts.start_date > register.left_date THEN 'last known'
            ELSE 'first known'
        END AS place_basis,
    FROM cuts
    INNER JOIN cost_centres USING (practice_code)
    CROSS JOIN intermediate.int_organisations__known_until AS known
    LEFT JOIN register USING (practice_code)
    LEFT JOIN editions
        ON cuts.practice_code = editions.practice_code AND cuts.start_date BETWEEN editions.start_date AND editions.end_date
    LEFT JOIN editions AS first_edition ON cuts.practice_code = first_edition.practice_code AND first_edition.is_first
    LEFT JOIN in_pcn ON cuts.practice_code = in_pcn.practice_code AND cuts.start_date = in_pcn.start_date
    LEFT JOIN (SELECT DISTINCT practice_code FROM staging.stg_ods__pcn_members) AS members
        ON cuts.practice_code = members.practice_code
),

-- The edition of its sub-ICB in force; else the register's ICB; else the nearest edition.
nearest AS (
    SELECT
        located.practice_code,
        located.start_date,
        editions.icb_code,
        located.start_date BETWEEN editions.start_date AND editions.end_date AS is_in_force,
        editions.source = 'look-up' AS is_look_up,
    FROM located
    INNER JOIN intermediate.int_organisations__sub_icb_editions AS editions USING (sub_icb_code)
    QUALIFY row_number() OVER (
        PARTITION BY located.practice_code, located.start_date
        ORDER BY
            is_in_force DESC,
            is_look_up DESC,
            CASE WHEN editions.start_date > located.start_date THEN 1 ELSE 0 END,
            CASE WHEN editions.start_date > located.start_date THEN editions.start_date END,
            editions.start_date DESC
    ) = 1
),

placed AS (
    SELECT
        located.practice_code,
        located.start_date,
        CASE WHEN NOT located.is_outside_england THEN located.pcn_code END AS pcn_code,
        CASE WHEN NOT located.is_outside_england THEN located.sub_icb_code END AS sub_icb_code,
        CASE
            WHEN located.is_outside_england THEN NULL
            WHEN nearest.is_in_force OR nearest.is_look_up THEN nearest.icb_code
            ELSE coalesce(located.register_icb_code, nearest.icb_code, located.map_icb_code)
        END AS icb_code,
        CASE WHEN NOT located.is_outside_england THEN located.region_code END AS region_code,
        located.place_basis,
    FROM located
    LEFT JOIN nearest
        ON located.practice_code = nearest.practice_code AND located.start_date = nearest.start_date
),

changes AS (
    SELECT
        practice_code,
        start_date,
        pcn_code,
        sub_icb_code,
        icb_code,
        region_code,
        place_basis,
        concat_ws(
            '|', coalesce(pcn_code, ''), coalesce(sub_icb_code, ''), coalesce(icb_code, ''), coalesce(region_code, ''),
            place_basis
        ) AS place,
    FROM placed
    QUALIFY lag(place) OVER (PARTITION BY practice_code ORDER BY start_date) IS DISTINCT FROM place
)

SELECT
    practice_code,
    start_date,
    coalesce(
        CAST(lead(start_date) OVER (PARTITION BY practice_code ORDER BY start_date) - INTERVAL 1 DAY AS DATE),
        DATE '9999-12-31'
    ) AS end_date,
    pcn_code,
    sub_icb_code,
    icb_code,
    region_code,
    place_basis,
FROM changes
