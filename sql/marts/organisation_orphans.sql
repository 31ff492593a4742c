-- Cost centres that could not be placed, or not without a doubt, and what is counted there.
--
-- Grain: one row per cost centre and reason.
-- Key: practice_code, reason
--
-- Reasons: outside_england (no parents), in_no_reference (no parents), unallocated_code (in "all" alone), no_icb and no_pcn
-- (GP practices: in no organisation of that level), two_current_pcns (counted in the youngest link alone),
-- two_icbs_in_look_up (the look-up contradicts itself: map or register speak), icb_closed and icb_not_in_look_up (counted
-- there nevertheless), closed_without_successor (its history stays where it was last), several_successors (the first code
-- was followed), reference_older_than_data (placed provisionally). Items are those of all loaded months, patients' and EPD
-- apart. What of it matters becomes a caveat (configs/expectations/organisation_orphans.toml).
--
-- Columns:
--   detail: What the reason is about: a code, a day. NULL: nothing to add.
--   epd_opioid_items: Opioid items of EPD under the code, all loaded months.
--   first_month: First day of the first month with an opioid item under the code.
--   last_month: First day of the newest month with an opioid item under the code.
--   patient_opioid_items: Opioid items of patients under the code, all loaded months.
--   reason: outside_england, in_no_reference, unallocated_code, no_icb, no_pcn, two_current_pcns, two_icbs_in_look_up,
--     icb_closed, icb_not_in_look_up, closed_without_successor, several_successors or reference_older_than_data.
WITH used AS (
    SELECT
        practice_code,
        CAST(sum(CASE WHEN source = 'patient' THEN items ELSE 0 END) AS BIGINT) AS patient_opioid_items,
        CAST(sum(CASE WHEN source = 'epd' THEN items ELSE 0 END) AS BIGINT) AS epd_opioid_items,
        min(month) AS first_month,
        max(month) AS last_month,
    FROM intermediate.int_items__ome
    WHERE practice_code IS NOT NULL
    GROUP BY practice_code
),

current_places AS (
    SELECT
        practices.practice_code,
        practices.practice_name,
        practices.is_gp_practice,
        practices.pcn_code,
        practices.icb_code,
        dated.place_basis,
        unallocated.practice_code IS NOT NULL AS is_unallocated,
    FROM intermediate.int_organisations__practices AS practices
    LEFT JOIN reference.unallocated_practices AS unallocated USING (practice_code)
    LEFT JOIN intermediate.int_organisations__dated AS dated
        ON practices.practice_code = dated.practice_code AND dated.end_date = DATE '9999-12-31'
),

found AS (
    SELECT practice_code, reason, detail,
    FROM intermediate.int_organisations__ambiguities

    UNION ALL

    SELECT practice_code, 'unallocated_code' AS reason, CAST(NULL AS VARCHAR) AS detail,
    FROM current_places
    WHERE is_unallocated

    UNION ALL

    SELECT practice_code, 'in_no_reference' AS reason, CAST(NULL AS VARCHAR) AS detail,
    FROM current_places
    WHERE place_basis = 'in no reference' AND NOT is_unallocated

    UNION ALL

    SELECT practice_code, 'no_icb' AS reason, CAST(NULL AS VARCHAR) AS detail,
    FROM current_places
    WHERE is_gp_practice AND icb_code IS NULL AND place_basis NOT IN ('outside England', 'in no reference')

    UNION ALL

    SELECT practice_code, 'no_pcn' AS reason, CAST(NULL AS VARCHAR) AS detail,
    FROM current_places
    WHERE is_gp_practice AND pcn_code IS NULL AND place_basis NOT IN ('outside England', 'in no reference')

    UNION ALL

    SELECT
        used.practice_code,
        'reference_older_than_data' AS reason,
        CAST(known.known_until AS VARCHAR) AS detail,
    FROM used
    CROSS JOIN intermediate.int_organisations__known_until AS known
    WHERE used.last_month > known.known_until
)

SELECT
    found.practice_code,
    places.practice_name,
    places.is_gp_practice,
    found.reason,
    found.detail,
    used.first_month,
    used.last_month,
    used.patient_opioid_items,
    used.epd_opioid_items,
FROM found
INNER JOIN used USING (practice_code)
LEFT JOIN current_places AS places USING (practice_code)
