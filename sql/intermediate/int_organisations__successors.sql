-- Where the history of a cost centre goes: along its successors, each step later than the one before.
--
-- Grain: one row per cost centre with a successor.
-- Key: practice_code
--
-- Days only rise along the chain, so that it ends, and a practice that moved back is its own end again. Of several
-- successors on one day the lowest code is followed, and none of the others: history counts once. The step that follows is
-- told by the one before it, since not every engine allows a window inside the round.
WITH RECURSIVE steps AS (
    SELECT
        practice_code,
        min(successor_code) AS successor_code,
        succeeded_on,
        lag(succeeded_on) OVER (PARTITION BY practice_code ORDER BY succeeded_on) AS step_before_on,
    FROM staging.stg_ods__practice_successors
    GROUP BY practice_code, succeeded_on
),

chain AS (
    SELECT
        practice_code,
        successor_code,
        succeeded_on,
    FROM steps
    WHERE step_before_on IS NULL

    UNION ALL

    SELECT
        chain.practice_code,
        steps.successor_code,
        steps.succeeded_on,
    FROM chain
    INNER JOIN steps
        ON chain.successor_code = steps.practice_code
        AND steps.succeeded_on > chain.succeeded_on
        AND coalesce(steps.step_before_on <= chain.succeeded_on, TRUE)
)

SELECT
    practice_code,
    successor_code,
    succeeded_on,
FROM chain
QUALIFY row_number() OVER (PARTITION BY practice_code ORDER BY succeeded_on DESC) = 1
