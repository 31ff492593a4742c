-- Items of the other classes that are followed beside opioids: gabapentinoids, sedatives, dependence treatment, just-in-case.
--
-- Grain: one row per such item of a patient.
-- Key: item_id
-- Kind: view
--
-- They have no dose here. is_counted is FALSE for a quantity of zero or less: such an item puts nobody into a cohort.
-- item_id names the file (first 12 digits of its SHA-256) and the line. patient_key is NULL where nobody is identified.
--
-- Columns:
--   is_counted: TRUE: it can put its patient into a cohort; FALSE: its quantity is zero or less.
--   patient_key: Pseudonym of the patient: keyed HMAC-SHA-256 of the identifier. NULL: not identified.
--   product_class: gabapentinoid, benzodiazepine, z_drug, sedative_not_counted, dependence_treatment or just_in_case.
SELECT
    items.item_id,
    items.month,
    items.practice_code,
    items.patient_key,
    items.product_class,
    products.drug,
    nullif(products.bnf_code, '') AS bnf_code,
    nullif(products.bnf_description, '') AS bnf_description,
    items.items,
    items.total_quantity,
    coalesce(items.total_quantity > 0, TRUE) AS is_counted,
FROM intermediate.int_items__classified AS items
INNER JOIN reference.products AS products USING (product_number)
WHERE
    items.source = 'patient'
    AND items.product_class IN (
        'gabapentinoid', 'benzodiazepine', 'z_drug', 'sedative_not_counted', 'dependence_treatment', 'just_in_case'
    )
