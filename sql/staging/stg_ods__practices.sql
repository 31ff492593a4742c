-- Practices and other cost centres of the NHS organisation register.
--
-- Grain: one row per cost centre.
-- Key: practice_code
-- Kind: view
--
-- A GP practice is prescribing setting 4 (older files) or has the role RO76 (newer ones).
SELECT
    practice_code,
    practice_name,
    region_code,
    icb_code,
    sub_icb_code,
    coalesce(prescribing_setting = '4' OR prescribing_setting LIKE '%RO76%', FALSE) AS is_gp_practice,
FROM raw.epraccur
