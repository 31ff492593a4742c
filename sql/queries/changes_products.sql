-- The OME per unit of every product in scope, as a publication knew it.
SELECT
    bnf_code,
    bnf_description,
    ome_mg_per_unit,
FROM reference.products
WHERE in_scope
