-- Deprivation score of each practice as published: the higher, the more deprived.
--
-- Grain: one row per practice.
-- Key: practice_code
-- Kind: view
--
-- Of two editions in one delivery one speaks: scores only say which practices are alike.
SELECT
    practice_code,
    TRY_CAST(regexp_extract(imd_score, '^[0-9]+[.]?[0-9]*$', 0) AS DOUBLE) AS imd_score,
FROM raw.practice_imd
WHERE TRY_CAST(regexp_extract(imd_score, '^[0-9]+[.]?[0-9]*$', 0) AS DOUBLE) IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY practice_code ORDER BY file_sha256, source_row) = 1
