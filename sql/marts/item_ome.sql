-- Oral morphine equivalence (OME) of every opioid item in scope, traceable to its row of the source.
--
-- Grain: one row per opioid item of a patient, or per row of EPD as it came.
-- Key: item_id
-- Kind: view
--
-- An item that cannot be converted keeps its row: ome_mg is NULL and ome_status says why. net_quantity is what reversals
-- leave of total_quantity. Oral, transdermal and parenteral doses are told apart by route. patient_key is NULL for
-- EPD and for items whose patient is not identified.
--
-- Columns:
--   cautions: What to beware of, apart by '; ': methadone_present, patch_wear_assumed, implausible_quantity,
--     reversal_exceeds_quantity … NULL: nothing.
--   net_quantity: total_quantity less what reversals take off it, in quantity_unit; this is what the dose is made of.
--     NULL: no quantity.
--   nic_gbp: Net ingredient cost, £. NULL: the source brought none.
--   ome_mg: mg OME of the whole item: net_quantity × ome_mg_per_unit. NULL: not converted; ome_status says why. Never 0
--     for unknown.
--   patient_key: Pseudonym of the patient: keyed HMAC-SHA-256 of the identifier. NULL: not identified, or EPD.
SELECT
    items.item_id,
    items.source,
    items.month,
    items.practice_code,
    items.patient_key,
    nullif(products.bnf_code, '') AS bnf_code,
    nullif(products.bnf_description, '') AS bnf_description,
    items.drug,
    items.route,
    items.form,
    items.is_immediate_release_fentanyl,
    items.items,
    items.total_quantity,
    items.net_quantity,
    items.quantity_unit,
    items.nic_gbp,
    items.ome_mg_per_unit,
    items.ome_mg,
    items.ome_status,
    coalesce(items.quantity_reason, products.reason) AS reason,
    products.resolved_by,
    products.resolved_from,
    items.cautions,
    $factor_set AS factor_set,
FROM intermediate.int_items__ome AS items
INNER JOIN reference.products AS products USING (product_number)
