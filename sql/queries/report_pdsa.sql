-- Cycles of plan, do, study, act, in the order in which they began.
SELECT
    id,
    began_on,
    org_level,
    org_code,
    org_name,
    measure,
    studied_measure,
    change,
    prediction,
    result,
    "next",
FROM marts.pdsa
ORDER BY began_on, id
