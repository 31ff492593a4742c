-- What a month's items bring that few people have: injected doses, what makes a dose doubtful, signs of the end of life.
--
-- Grain: one row per patient and month with an item of a followed class, in which at least one item is of such a kind.
-- Key: patient_number, month_index
--
-- Apart from what everybody has, so that a column more costs the rows of few.
WITH products AS (
    SELECT
        product_number,
        drug,
        coalesce(route = 'parenteral', FALSE) AS is_parenteral,
        coalesce(is_methadone, FALSE) AS is_methadone,
        coalesce(is_immediate_release_fentanyl, FALSE) AS is_immediate_release_fentanyl,
        coalesce(is_strong_opioid, FALSE) AS is_strong_opioid,
        coalesce(in_scope AND cautions LIKE '%patch_wear_assumed%', FALSE) AS is_patch_wear_assumed,
    FROM reference.products
)

SELECT
    items.patient_number,
    items.month_index,
    CAST(coalesce(sum(items.ome_mg) FILTER (products.is_parenteral), 0) AS DECIMAL(18, 4)) AS ome_mg_parenteral,
    CAST(coalesce(sum(items.ome_mg) FILTER (products.is_immediate_release_fentanyl), 0) AS DECIMAL(18, 4))
        AS ome_mg_ir_fentanyl,
    bool_or(items.is_unconverted) AS has_unconverted_item,
    bool_or(items.is_implausible_quantity) AS has_implausible_quantity,
    bool_or(products.is_methadone AND items.is_opioid_item) AS has_methadone,
    bool_or(products.is_immediate_release_fentanyl AND items.is_opioid_item) AS has_ir_fentanyl,
    bool_or(products.is_parenteral AND items.is_opioid_item) AS has_parenteral_opioid,
    bool_or(products.is_parenteral AND products.is_strong_opioid AND items.is_opioid_item) AS has_parenteral_strong_opioid,
    bool_or(products.is_patch_wear_assumed) AS has_patch_wear_assumed,
    bool_or(coalesce(items.other_class = 'dependence_treatment', FALSE)) AS has_dependence_treatment,
    count(DISTINCT CASE WHEN items.other_class = 'just_in_case' THEN products.drug END) AS just_in_case_drugs,
FROM intermediate.int_patient_items__followed AS items
INNER JOIN products USING (product_number)
INNER JOIN intermediate.int_patient_months__dispensed AS dispensed USING (patient_number, month_index)
WHERE
    products.is_parenteral OR products.is_methadone OR products.is_immediate_release_fentanyl
    OR products.is_patch_wear_assumed OR items.is_unconverted OR items.is_implausible_quantity
    OR items.other_class IN ('dependence_treatment', 'just_in_case')
GROUP BY items.patient_number, items.month_index
