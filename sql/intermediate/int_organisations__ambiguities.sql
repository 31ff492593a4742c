-- Cost centres of which the references say two things, or something that another reference speaks against.
--
-- Grain: one row per cost centre and reason.
-- Key: practice_code, reason
WITH icb_look_up AS (
    SELECT
        icb_code,
        max(end_date) = DATE '9999-12-31' AS is_open,
    FROM intermediate.int_organisations__sub_icb_editions
    GROUP BY icb_code
),

contradictions AS (
    SELECT
        sub_icb_code,
        string_agg(DISTINCT icb_code, ', ' ORDER BY icb_code) AS icb_codes,
        row_number() OVER (PARTITION BY sub_icb_code ORDER BY start_date) AS position,
    FROM staging.stg_nhse__sub_icbs
    GROUP BY sub_icb_code, start_date
    HAVING min(icb_code) <> max(icb_code)
)

SELECT
    practice_code,
    'two_current_pcns' AS reason,
    string_agg(pcn_code, ', ' ORDER BY pcn_code) AS detail,
FROM staging.stg_ods__pcn_members
WHERE end_date = DATE '9999-12-31'
GROUP BY practice_code
HAVING min(pcn_code) <> max(pcn_code)

UNION ALL

SELECT
    practice_code,
    'several_successors' AS reason,
    string_agg(DISTINCT successor_code, ', ' ORDER BY successor_code) AS detail,
FROM staging.stg_ods__practice_successors
GROUP BY practice_code, succeeded_on
HAVING min(successor_code) <> max(successor_code)
QUALIFY row_number() OVER (PARTITION BY practice_code ORDER BY succeeded_on) = 1

UNION ALL

SELECT
    practices.practice_code,
    'two_icbs_in_look_up' AS reason,
    contradictions.icb_codes AS detail,
FROM intermediate.int_organisations__practices AS practices
INNER JOIN contradictions USING (sub_icb_code)
WHERE contradictions.position = 1

UNION ALL

SELECT
    practices.practice_code,
    'icb_not_in_look_up' AS reason,
    practices.icb_code AS detail,
FROM intermediate.int_organisations__practices AS practices
ANTI JOIN icb_look_up USING (icb_code)
ANTI JOIN contradictions USING (sub_icb_code)
WHERE practices.icb_code IS NOT NULL AND (SELECT count(*) FROM icb_look_up) > 0

UNION ALL

SELECT
    practices.practice_code,
    'icb_closed' AS reason,
    practices.icb_code AS detail,
FROM intermediate.int_organisations__practices AS practices
INNER JOIN icb_look_up USING (icb_code)
WHERE NOT icb_look_up.is_open

UNION ALL

SELECT
    register.practice_code,
    'closed_without_successor' AS reason,
    coalesce(CAST(register.close_date AS VARCHAR), CAST(register.left_date AS VARCHAR)) AS detail,
FROM staging.stg_ods__practices AS register
ANTI JOIN intermediate.int_organisations__successors AS successors USING (practice_code)
WHERE register.is_closed AND register.is_gp_practice

UNION ALL

SELECT
    practices.practice_code,
    'outside_england' AS reason,
    coalesce(register.region_code, register.icb_code) AS detail,
FROM intermediate.int_organisations__practices AS practices
INNER JOIN staging.stg_ods__practices AS register USING (practice_code)
WHERE register.is_outside_england
