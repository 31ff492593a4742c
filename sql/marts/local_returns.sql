-- Figures that organisations returned themselves: referrals, meetings, clinical time, audits, surveys.
--
-- Grain: one row per month, organisation and measure that was returned.
-- Key: month, org_code, measure
--
-- A row is never dropped: org_level is NULL where no loaded data knows the organisation. Such a row counts nowhere.
--
-- Columns:
--   denominator: What a share or a mean is divided by. NULL: a count or an amount.
--   form: count, share, mean or amount. NULL: the measure is not in configs/local_measures.toml any more.
--   kind: outcome, process or balancing. NULL: as form.
--   measure: Name of the measure, a row of reference.local_measures.
--   note: As returned. NULL: none.
--   org_level: practice, pcn or icb. NULL: no loaded data knows the organisation; the row counts nowhere.
--   title: What it is called in reports. NULL: as form.
--   unit: people, staff, documents, hours or pounds. NULL: as form.
--   value: What was returned, in unit.
SELECT
    month,
    org_code,
    measure,
    org_level,
    org_name,
    pcn_code,
    icb_code,
    title,
    kind,
    form,
    unit,
    direction,
    value,
    denominator,
    note,
FROM intermediate.int_returns__placed
