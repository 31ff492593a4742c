-- Who is on the case-finding list: whom a rule finds and no review has excluded.
--
-- Grain: one row per patient on the list and month.
-- Key: patient_key, month
-- Kind: view
SELECT
    patient_key,
    month,
    is_as_at,
    priority,
    band,
    is_very_high,
FROM intermediate.int_case_list__found
WHERE NOT excluded
