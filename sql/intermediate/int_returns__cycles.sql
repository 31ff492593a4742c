-- Cycles of plan, do, study, act with their place.
--
-- Grain: one row per cycle.
-- Key: id
SELECT
    cycles.id,
    cycles.began_on,
    cycles.org_code,
    organisations.org_level,
    organisations.org_name,
    organisations.pcn_code,
    organisations.icb_code,
    cycles.measure,
    coalesce(cycles.measure, 'high_dose') AS studied_measure,
    cycles.change,
    cycles.prediction,
    cycles.result,
    cycles."next",
FROM staging.stg_returns__pdsa AS cycles
LEFT JOIN intermediate.int_returns__organisations AS organisations USING (org_code)
