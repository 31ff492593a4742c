-- How old each reference is beside the newest month of data, and what that means for the figures.
--
-- Grain: one row per reference with a limit of age (configs/references.toml).
-- Key: reference
--
-- age_months counts from the reference to the newest loaded month of items, never to today; below zero the reference is
-- the newer of both. status: current, stale, missing, replaced (missing or stale, but another one serves) or age_unknown.
-- sentence says it where it matters: stale or missing.
--
-- Columns:
--   age_months: Months from the reference to the newest data; below zero: the reference is newer. NULL: not known.
--   data_month: First day of the newest loaded month of items.
--   dated_by: How its month is known: month, extract_date, newest_event or edition (configs/references.toml).
--   max_age_months: Months that it may be older than the data.
--   newest_month: First day of the month of the reference. NULL: missing, or not known.
--   reference: Name of the reference in configs/references.toml.
--   sentence: What it means for the figures. NULL: it is neither missing nor too old.
--   status: current, stale, missing, replaced or age_unknown.
WITH data_months AS (
    SELECT max(month) AS data_month,
    FROM intermediate.int_items__described
),

dated AS (
    SELECT
        limits.reference,
        limits.title,
        limits.dated_by,
        limits.max_age_months,
        limits.instead,
        limits.if_missing,
        limits.if_stale,
        references_loaded.is_loaded,
        references_loaded.newest_month,
        data_months.data_month,
        CAST(
            (extract(year FROM data_months.data_month) * 12 + extract(month FROM data_months.data_month))
            - (extract(year FROM references_loaded.newest_month) * 12 + extract(month FROM references_loaded.newest_month))
            AS INTEGER
        ) AS age_months,
    FROM reference.reference_limits AS limits
    INNER JOIN intermediate.int_references__dated AS references_loaded USING (reference)
    CROSS JOIN data_months
),

judged AS (
    SELECT
        dated.reference,
        dated.title,
        dated.dated_by,
        dated.max_age_months,
        dated.if_missing,
        dated.if_stale,
        dated.newest_month,
        dated.data_month,
        dated.age_months,
        CASE
            WHEN NOT dated.is_loaded AND coalesce(others.is_loaded, FALSE) THEN 'replaced'
            WHEN NOT dated.is_loaded THEN 'missing'
            WHEN dated.age_months IS NULL THEN 'age_unknown'
            WHEN dated.age_months <= dated.max_age_months THEN 'current'
            WHEN others.age_months <= others.max_age_months THEN 'replaced'
            ELSE 'stale'
        END AS status,
    FROM dated
    LEFT JOIN dated AS others ON dated.instead = others.reference
)

SELECT
    reference,
    title,
    status,
    newest_month,
    data_month,
    age_months,
    max_age_months,
    dated_by,
    CASE status
        WHEN 'missing' THEN concat('Not loaded: ', title, '. Therefore ', if_missing, '.')
        WHEN 'stale'
            THEN concat(
                'Old: ', title, ' of ', strftime(newest_month, '%Y-%m'), ', ', age_months,
                ' months before the newest data (limit ', max_age_months, '). Therefore ', if_stale, '.'
            )
    END AS sentence,
FROM judged
