-- Sub-ICB locations, each with its integrated care board (ICB).
--
-- Grain: one row per sub-ICB location.
-- Key: sub_icb_code
-- Kind: view
SELECT
    sub_icb_code,
    sub_icb_name,
    icb_code,
    icb_name,
FROM raw.sub_icb_icb
