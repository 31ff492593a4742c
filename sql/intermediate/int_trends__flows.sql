-- How many people joined and left each cohort, in every organisation, month against the month before.
--
-- Grain: one row per level, organisation, month and flow with people.
-- Key: org_level, org_code, month, measure
--
-- A person who takes the cohort to another practice leaves one and joins the other, and does neither in a PCN or ICB that
-- holds both.
WITH levels AS (
    SELECT
        practice_code,
        org_level,
        org_code,
    FROM intermediate.int_organisations__levels
),

both_ends AS (
    SELECT
        moves.measure,
        moves.month,
        moves.people,
        levels.org_level,
        levels.org_code,
        other.org_code AS other_org_code,
        'joined' AS flow,
    FROM intermediate.int_trends__moves AS moves
    INNER JOIN levels ON moves.practice_now = levels.practice_code
    LEFT JOIN levels AS other ON moves.practice_before = other.practice_code AND levels.org_level = other.org_level

    UNION ALL

    SELECT
        moves.measure,
        moves.month,
        moves.people,
        levels.org_level,
        levels.org_code,
        other.org_code AS other_org_code,
        'left' AS flow,
    FROM intermediate.int_trends__moves AS moves
    INNER JOIN levels ON moves.practice_before = levels.practice_code
    LEFT JOIN levels AS other ON moves.practice_now = other.practice_code AND levels.org_level = other.org_level
),

flows AS (
    SELECT
        org_level,
        org_code,
        month,
        measure,
        flow,
        people,
    FROM both_ends
    WHERE coalesce(org_code <> other_org_code, TRUE)
)

SELECT
    org_level,
    org_code,
    month,
    measure || '_' || flow AS measure,
    CAST(sum(people) AS BIGINT) AS people,
FROM flows
GROUP BY ALL

UNION ALL

SELECT
    org_level,
    org_code,
    month,
    measure || '_net_change' AS measure,
    CAST(sum(CASE flow WHEN 'joined' THEN people WHEN 'left' THEN -people END) AS BIGINT) AS people,
FROM flows
GROUP BY ALL
