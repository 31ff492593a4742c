-- Cycles of plan, do, study, act: what was changed where and when, and what was expected.
--
-- Grain: one row per cycle.
-- Key: id
--
-- measure is the one that the change is to move, where one was named; studied_measure is the headline where none was.
-- org_level is NULL where no loaded data knows the organisation. What was measured since is worked out from protected
-- counts in the report.
--
-- Columns:
--   began_on: Day on which the cycle began.
--   change: What was changed, in the team's words.
--   id: Name of the cycle, as returned.
--   measure: Measure that the change is to move. NULL: none was named.
--   next: What is done next. NULL: not said yet.
--   org_level: practice, pcn or icb. NULL: no loaded data knows the organisation.
--   prediction: What was expected. NULL: not said.
--   result: What was found. NULL: not said yet.
--   studied_measure: measure, or the headline where none was named.
SELECT
    id,
    began_on,
    org_code,
    org_level,
    org_name,
    pcn_code,
    icb_code,
    measure,
    studied_measure,
    change,
    prediction,
    result,
    "next",
FROM intermediate.int_returns__cycles
