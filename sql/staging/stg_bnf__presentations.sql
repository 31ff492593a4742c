-- What each BNF code is called, for extracts that bring codes alone.
--
-- Grain: one row per BNF code and name.
-- Key: bnf_code, bnf_description
-- Kind: view
SELECT
    bnf_code,
    bnf_description,
FROM raw.bnf_presentations
