-- Cycles of plan, do, study, act, as they were returned.
--
-- Grain: one row per cycle.
-- Key: id
-- Kind: view
SELECT
    id,
    CAST("date" AS DATE) AS began_on,
    organisation AS org_code,
    change,
    prediction,
    result,
    "next",
    measure,
FROM raw.returned_pdsa
