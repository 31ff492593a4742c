-- Which cost centre took over from another: the register names none, so a user's own file does.
--
-- Grain: one row per cost centre, successor and day.
-- Key: practice_code, successor_code, succeeded_on
-- Kind: view
--
-- A practice that names itself has no successor.
SELECT
    practice_code,
    successor_code,
    CAST(substr(replace(succeeded_on, '-', ''), 1, 4) || '-' || substr(replace(succeeded_on, '-', ''), 5, 2) || '-'
        || substr(replace(succeeded_on, '-', ''), 7, 2) AS DATE) AS succeeded_on,
FROM raw.practice_successors
WHERE practice_code <> successor_code
