-- How many people joined and left each cohort, on the boundaries of the month, above practice.
--
-- Grain: one row per level, organisation, month and flow with people.
-- Key: org_level, org_code, month, measure
--
-- On the boundaries of the later month: a practice that goes to another organisation brings its people without a flow, so
-- that last month and the flows make up this month only where no practice moved.
WITH both_ends AS (
    SELECT
        moves.measure,
        moves.month,
        moves.people,
        levels.org_level,
        levels.org_code,
        other.org_code AS other_org_code,
        'joined' AS flow,
    FROM intermediate.int_trends__moves AS moves
    INNER JOIN intermediate.int_organisations__levels_as_was AS levels
        ON moves.practice_now = levels.practice_code AND moves.month = levels.month
    LEFT JOIN intermediate.int_organisations__levels_as_was AS other
        ON moves.practice_before = other.practice_code
        AND moves.month = other.month
        AND levels.org_level = other.org_level

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
    INNER JOIN intermediate.int_organisations__levels_as_was AS levels
        ON moves.practice_before = levels.practice_code AND moves.month = levels.month
    LEFT JOIN intermediate.int_organisations__levels_as_was AS other
        ON moves.practice_now = other.practice_code
        AND moves.month = other.month
        AND levels.org_level = other.org_level
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
