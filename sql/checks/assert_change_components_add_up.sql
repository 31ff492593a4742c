-- Organisations in which the parts of a change are not the people of the baseline, or not those of the month.
--
-- Grain: one row per offending organisation, month and measure.
-- Key: org_level, org_code, month, measure
SELECT
    org_level,
    org_code,
    month,
    measure,
FROM marts.change_components
WHERE
    baseline_people <> stayed + lower_still_on_opioid + no_opioid_still_seen + moved_away + not_seen + excluded_or_redefined
    OR people <> stayed + joined
    OR baseline_people IS NULL
    OR people IS NULL
