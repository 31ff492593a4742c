-- Practice, PCN, sub-ICB location, ICB and region with their names, as published with the list sizes.
--
-- Grain: one row per practice.
-- Key: practice_code
-- Kind: view
--
-- Code U stands for "no PCN" in the source.
SELECT
    practice_code,
    practice_name,
    nullif(pcn_code, 'U') AS pcn_code,
    pcn_name,
    sub_icb_code,
    sub_icb_name,
    icb_code,
    icb_name,
    region_code,
    region_name,
FROM raw.practice_map
