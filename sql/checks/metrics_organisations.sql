-- How much of what was dispensed falls into practices that the loaded references know.
--
-- Grain: one row per source and month.
-- Key: source, month
--
-- Items without any practice code are counted elsewhere. references_loaded is the number of organisations known at all:
-- where it is 0 nothing can be placed and nothing is judged.
WITH references_loaded AS (
    SELECT count(*) FILTER (is_gp_practice IS NOT NULL) AS practices,
    FROM intermediate.int_organisations__practices
),

months AS (
    SELECT
        items.source,
        items.month,
        CAST(sum(items.items) AS BIGINT) AS items,
        count(DISTINCT items.practice_code) AS practices,
        count(DISTINCT items.practice_code) FILTER (practices.practice_name IS NULL AND practices.icb_code IS NULL)
            AS practices_unknown,
        sum(items.items) FILTER (practices.practice_name IS NULL AND practices.icb_code IS NULL)
        / CAST(nullif(sum(items.items), 0) AS DOUBLE) AS share_in_unknown_practices,
        sum(items.items) FILTER (practices.icb_code IS NULL)
        / CAST(nullif(sum(items.items), 0) AS DOUBLE) AS share_without_icb,
        sum(items.items) FILTER (practices.is_gp_practice)
        / CAST(nullif(sum(items.items), 0) AS DOUBLE) AS share_in_gp_practices,
    FROM intermediate.int_items__classified AS items
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    WHERE items.practice_code IS NOT NULL AND items.items > 0
    GROUP BY items.source, items.month
)

SELECT
    months.source,
    months.month,
    months.items,
    months.practices,
    months.practices_unknown,
    coalesce(months.share_in_unknown_practices, 0) AS share_in_unknown_practices,
    coalesce(months.share_without_icb, 0) AS share_without_icb,
    coalesce(months.share_in_gp_practices, 0) AS share_in_gp_practices,
    references_loaded.practices AS references_loaded,
FROM months
CROSS JOIN references_loaded
ORDER BY months.source, months.month
