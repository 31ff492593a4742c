-- Rows of the table of replaced BNF codes that these data needed, and those that look wrong.
--
-- Grain: one row per source and replaced code that occurs in it.
-- Key: source, old_bnf_code
--
-- problem: old_code_still_in_use where old and new code both have items in the newest month of the source, so that one
-- does not replace the other; many_old_codes where more than ten codes that occur lead to the same new one. Doses
-- follow the new code either way: look at the row of data/reference/bnf_code_changes.csv.
--
-- Columns:
--   first_month_of_new_code: First day of the first month with the new code. NULL: it does not occur.
--   items: Items of the old code, all loaded months.
--   items_of_new_code: Items of the new code, all loaded months; 0: it does not occur.
--   last_month_of_new_code: First day of the newest month with the new code. NULL: it does not occur.
--   new_bnf_code: The code that replaces it, by data/reference/bnf_code_changes.csv.
--   old_bnf_code: The replaced code, as it occurs.
--   problem: many_old_codes or old_code_still_in_use. NULL: nothing looks wrong.
WITH newest AS (
    SELECT
        source,
        max(month) AS newest_month,
    FROM intermediate.int_codes__monthly
    GROUP BY source
),

codes AS (
    SELECT
        source,
        bnf_code,
        max(current_bnf_code) AS current_bnf_code,
        max(bnf_description) AS bnf_description,
        min(month) AS first_month,
        max(month) AS last_month,
        CAST(sum(items) AS BIGINT) AS items,
    FROM intermediate.int_codes__monthly
    GROUP BY source, bnf_code
),

replaced AS (
    SELECT
        old.source,
        old.bnf_code AS old_bnf_code,
        old.current_bnf_code AS new_bnf_code,
        old.bnf_description,
        old.items,
        old.first_month,
        old.last_month,
        new.items AS items_of_new_code,
        new.first_month AS first_month_of_new_code,
        new.last_month AS last_month_of_new_code,
        newest.newest_month,
        count(*) OVER (PARTITION BY old.source, old.current_bnf_code) AS old_codes,
    FROM codes AS old
    INNER JOIN newest ON old.source = newest.source
    LEFT JOIN codes AS new ON old.source = new.source AND old.current_bnf_code = new.bnf_code
    WHERE old.current_bnf_code <> old.bnf_code AND old.current_bnf_code <> ''
)

SELECT
    source,
    old_bnf_code,
    new_bnf_code,
    bnf_description,
    items,
    first_month,
    last_month,
    coalesce(items_of_new_code, 0) AS items_of_new_code,
    first_month_of_new_code,
    last_month_of_new_code,
    CASE
        WHEN old_codes > 10 THEN 'many_old_codes'
        WHEN last_month = newest_month AND last_month_of_new_code = newest_month THEN 'old_code_still_in_use'
    END AS problem,
FROM replaced
