-- Which opioid products act long, and which of these are of a strength that makes 120 or 90 mg OME a day in usual use.
--
-- Grain: one row per opioid product in scope that acts long: modified release by mouth, or a patch.
-- Key: product_number
--
-- A cut-off of a named product goes before that of its drug and route. A drug without a cut-off is never of high strength,
-- yet counts among the long-acting: the share says "of all long-acting items".
WITH long_acting AS (
    SELECT
        product_number,
        drug,
        route,
        lower(bnf_description) AS product_description,
        strength_value,
    FROM reference.products
    WHERE product_class = 'opioid' AND in_scope AND (form = 'patch' OR (route = 'oral' AND release = 'modified'))
),

cut_offs AS (
    SELECT
        drug,
        route,
        product_name,
        CAST(strength_120 AS DECIMAL(18, 6)) AS strength_120,
        CAST(strength_90 AS DECIMAL(18, 6)) AS strength_90,
        counts = 'yes' AS counts,
    FROM reference.high_strength
    WHERE valid_to IS NULL
)

SELECT
    long_acting.product_number,
    coalesce(cut_offs.counts AND long_acting.strength_value >= cut_offs.strength_120, FALSE) AS high_strength_120,
    coalesce(cut_offs.counts AND long_acting.strength_value >= cut_offs.strength_90, FALSE) AS high_strength_90,
FROM long_acting
LEFT JOIN cut_offs
    ON long_acting.drug = cut_offs.drug
    AND long_acting.route = cut_offs.route
    AND (cut_offs.product_name IS NULL OR position(cut_offs.product_name IN long_acting.product_description) > 0)
QUALIFY row_number() OVER (PARTITION BY long_acting.product_number ORDER BY cut_offs.product_name IS NULL) = 1
