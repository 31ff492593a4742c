-- The opioid products of each patient on the list over the last three months, with what was dispensed of them.
--
-- Grain: one row per patient and product; spellings of one BNF code are one product.
-- Key: patient_key, product
--
-- months_covered is what the dose divides by: loaded months of the window since the opioids began. A reversal has
-- already reduced net_quantity; a product without a dose keeps its row.
WITH listed AS (
    SELECT
        prioritised.patient_key,
        flagged.window_months_covered AS months_covered,
    FROM intermediate.int_case_list__prioritised AS prioritised
    INNER JOIN intermediate.int_patient_months__flagged AS flagged USING (patient_key, month)
    WHERE prioritised.is_as_at
),

months AS (
    SELECT
        months.month,
        list_month.month AS as_at_month,
    FROM intermediate.int_months__patient AS months
    INNER JOIN intermediate.int_case_list__month AS list_month
        ON months.month_index BETWEEN list_month.month_index - 2 AND list_month.month_index
),

products AS (
    SELECT
        product_number,
        CASE WHEN bnf_code = '' THEN bnf_description ELSE bnf_code END AS product,
        CASE WHEN bnf_description = '' THEN bnf_code ELSE bnf_description END AS product_name,
        drug,
        quantity_unit,
        wear_hours,
        CASE
            WHEN form = 'patch' THEN 'patch'
            WHEN route = 'parenteral' THEN 'injection'
            WHEN is_immediate_release_fentanyl THEN 'immediate-release fentanyl'
            WHEN release = 'modified' THEN 'modified-release'
            WHEN release = 'immediate' THEN 'immediate-release'
            ELSE coalesce(form, 'form not known')
        END AS kind,
        coalesce(form IN ('oral liquid', 'oral drops', 'linctus'), FALSE) AS is_liquid,
        coalesce(cautions LIKE '%suspected_substitution_therapy%', FALSE) AS is_suspected_substitution,
    FROM reference.products
)

SELECT
    listed.patient_key,
    products.product,
    max(products.product_name) AS product_name,
    max(products.drug) AS drug,
    max(products.kind) AS kind,
    max(products.kind) IN ('patch', 'modified-release') AS is_long_acting,
    max(products.quantity_unit) AS quantity_unit,
    bool_or(products.is_liquid) AS is_liquid,
    bool_or(products.is_suspected_substitution) AS is_suspected_substitution,
    coalesce(max(products.wear_hours) = $case_list_twice_weekly_patch_hours, FALSE) AS is_twice_weekly_patch,
    count(DISTINCT items.month) AS months_dispensed,
    max(listed.months_covered) AS months_covered,
    max(items.month) AS last_month,
    max(months.as_at_month) AS as_at_month,
    sum(items.net_quantity) AS net_quantity,
    bool_or(items.is_implausible_quantity) AS is_unusual_quantity,
    count(*) AS item_rows,
    count(*) FILTER (items.ome_status NOT IN ('converted', 'excluded_by_factor_set')) AS unconverted_items,
FROM intermediate.int_items__ome AS items
INNER JOIN months USING (month)
INNER JOIN listed USING (patient_key)
INNER JOIN products USING (product_number)
WHERE items.source = 'patient' AND items.ome_status <> 'reversal_netted'
GROUP BY listed.patient_key, products.product
