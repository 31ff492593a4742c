-- What the table of replaced BNF codes looks like.
--
-- Grain: one row: the whole table.
-- Key: table_name
WITH changes AS (
    SELECT
        old_code,
        new_code,
        count(*) OVER (PARTITION BY new_code) AS old_codes_of_this_new,
    FROM reference.bnf_code_changes
    WHERE valid_to IS NULL
)

SELECT
    'bnf_code_changes' AS table_name,
    count(*) AS replacements,
    count(*) FILTER (old_code = new_code) AS replacements_by_itself,
    CAST(coalesce(max(old_codes_of_this_new), 0) AS BIGINT) AS most_old_codes_of_one_new,
    count(*) FILTER (length(old_code) <> 15 OR length(new_code) <> 15) AS codes_not_whole,
FROM changes
