-- Every pair of BNF code and description that occurs: what the resolver is asked.
--
-- Grain: one row per code and description.
-- Key: product_number
SELECT
    CAST(row_number() OVER (ORDER BY bnf_code, bnf_description) AS INTEGER) AS product_number,
    bnf_code,
    bnf_description,
FROM (
    SELECT DISTINCT
        bnf_code,
        bnf_description,
    FROM intermediate.int_items__described
)
