-- Product codes of followed classes that came into use or went out of use from one loaded month to the next.
--
-- Grain: one row per source, month and BNF code that appeared in it or was there the month before and is not any more.
-- Key: source, month, bnf_code
--
-- Codes change every January, and some in mid-year. explanation of a vanished code: replaced (the code that replaces it
-- is in use), replacement_not_in_use, no_replacement_known; of one that appeared: replaces_old_code, new_code. Rarely
-- used products come and go: is_notable marks vanished codes that the new month does not explain and that had at least
-- $vanished_code_least_items items in the month before.
--
-- Columns:
--   change: vanished or appeared.
--   explanation: Of a vanished code replaced, replacement_not_in_use or no_replacement_known; of one that appeared
--     replaces_old_code or new_code.
--   is_notable: TRUE: it vanished without a replacement in use, and had many items before (vanished_code_least_items).
--   items_after: Items in month; 0: it vanished.
--   items_before: Items in month_before; 0: it appeared.
--   month_before: First day of the loaded month before.
--   other_bnf_codes: The code that replaces it, or those that it replaces. NULL: none is known.
WITH months AS (
    SELECT
        source,
        month,
        lag(month) OVER (PARTITION BY source ORDER BY month) AS month_before,
    FROM (
        SELECT DISTINCT
            source,
            month,
        FROM intermediate.int_codes__monthly
    )
),

vanished AS (
    SELECT
        months.source,
        months.month,
        months.month_before,
        before.bnf_code,
        before.bnf_description,
        before.product_class,
        before.items AS items_before,
        nullif(before.current_bnf_code, before.bnf_code) AS replacement,
        replacements.bnf_code IS NOT NULL AS replacement_in_use,
    FROM months
    INNER JOIN intermediate.int_codes__monthly AS before
        ON months.source = before.source AND months.month_before = before.month
    LEFT JOIN intermediate.int_codes__monthly AS after
        ON months.source = after.source AND months.month = after.month AND before.bnf_code = after.bnf_code
    LEFT JOIN intermediate.int_codes__monthly AS replacements
        ON
            months.source = replacements.source
            AND months.month = replacements.month
            AND before.current_bnf_code = replacements.bnf_code
            AND before.current_bnf_code <> before.bnf_code
    WHERE after.bnf_code IS NULL
),

replaced AS (
    SELECT
        source,
        month,
        replacement,
        string_agg(bnf_code, ', ' ORDER BY bnf_code) AS old_codes,
    FROM vanished
    WHERE replacement IS NOT NULL
    GROUP BY source, month, replacement
),

appeared AS (
    SELECT
        months.source,
        months.month,
        months.month_before,
        after.bnf_code,
        after.bnf_description,
        after.product_class,
        after.items AS items_after,
        replaced.old_codes,
    FROM months
    INNER JOIN intermediate.int_codes__monthly AS after
        ON months.source = after.source AND months.month = after.month
    LEFT JOIN intermediate.int_codes__monthly AS before
        ON months.source = before.source AND months.month_before = before.month AND after.bnf_code = before.bnf_code
    LEFT JOIN replaced
        ON after.source = replaced.source AND after.month = replaced.month AND after.bnf_code = replaced.replacement
    WHERE months.month_before IS NOT NULL AND before.bnf_code IS NULL
)

SELECT
    source,
    month,
    month_before,
    bnf_code,
    bnf_description,
    product_class,
    'vanished' AS change,
    CASE
        WHEN replacement_in_use THEN 'replaced'
        WHEN replacement IS NOT NULL THEN 'replacement_not_in_use'
        ELSE 'no_replacement_known'
    END AS explanation,
    replacement AS other_bnf_codes,
    items_before,
    CAST(0 AS BIGINT) AS items_after,
    NOT replacement_in_use AND items_before >= $vanished_code_least_items AS is_notable,
FROM vanished

UNION ALL

SELECT
    source,
    month,
    month_before,
    bnf_code,
    bnf_description,
    product_class,
    'appeared' AS change,
    CASE WHEN old_codes IS NULL THEN 'new_code' ELSE 'replaces_old_code' END AS explanation,
    old_codes AS other_bnf_codes,
    CAST(0 AS BIGINT) AS items_before,
    items_after,
    FALSE AS is_notable,
FROM appeared
