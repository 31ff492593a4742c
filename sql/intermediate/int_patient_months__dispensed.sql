-- What was dispensed to a patient in a month, by class, with what its items say of the person and the practice.
--
-- Grain: one row per patient and month with an item of a followed class, in months that are loaded.
-- Key: patient_number, month_index
--
-- An opioid month is one with an opioid item in scope that is not merely a reversal, whatever its ome_status: an item
-- that cannot be converted still says that opioids were taken. ome_mg_counted leaves out the parenteral route, which
-- stands beside the dose. Where a month's items differ in age, sex or deprivation, the greatest value stands.
-- gp_practice_code is NULL where no GP practice prescribed, or where more than one did: is_contested.
WITH products AS (
    SELECT
        product_number,
        drug,
        route <> 'parenteral' AS is_counted_in_dose,
        coalesce(route = 'parenteral', FALSE) AS is_parenteral,
        coalesce(form LIKE '%tablet%' OR form LIKE '%capsule%', FALSE) AS is_tablet,
        coalesce(form = 'patch', FALSE) AS is_patch,
        wear_hours,
        is_methadone,
        is_immediate_release_fentanyl,
        is_strong_opioid,
        coalesce(in_scope AND cautions LIKE '%patch_wear_assumed%', FALSE) AS is_patch_wear_assumed,
    FROM reference.products
),

months AS (
    SELECT
        items.patient_number,
        items.month_index,
        bool_or(items.is_item) AS has_item,
        bool_or(items.is_opioid_item) AS is_opioid_month,
        sum(items.ome_mg) AS ome_mg,
        sum(items.ome_mg) FILTER (products.is_counted_in_dose) AS ome_mg_counted,
        sum(items.ome_mg) FILTER (products.is_parenteral) AS ome_mg_parenteral,
        sum(items.ome_mg) FILTER (products.is_immediate_release_fentanyl) AS ome_mg_ir_fentanyl,
        sum(items.net_quantity) FILTER (products.is_tablet) AS tablets,
        sum(items.net_quantity * products.wear_hours) FILTER (products.is_patch) AS patch_hours,
        bool_or(items.is_unconverted) AS has_unconverted_item,
        bool_or(items.is_implausible_quantity) AS has_implausible_quantity,
        bool_or(products.is_methadone AND items.is_opioid_item) AS has_methadone,
        bool_or(products.is_immediate_release_fentanyl AND items.is_opioid_item) AS has_ir_fentanyl,
        bool_or(products.is_parenteral AND items.is_opioid_item) AS has_parenteral_opioid,
        bool_or(products.is_parenteral AND products.is_strong_opioid AND items.is_opioid_item)
            AS has_parenteral_strong_opioid,
        bool_or(products.is_patch_wear_assumed) AS has_patch_wear_assumed,
        bool_or(items.other_class = 'gabapentinoid') AS has_gabapentinoid,
        bool_or(items.other_class = 'benzodiazepine') AS has_benzodiazepine,
        bool_or(items.other_class = 'z_drug') AS has_z_drug,
        bool_or(items.other_class = 'dependence_treatment') AS has_dependence_treatment,
        max(items.age) AS age,
        max(items.sex) AS sex,
        max(items.imd_decile) AS imd_decile,
        min(items.registered_practice_code) FILTER (items.is_item) AS registered_practice_code,
        min(items.practice_code) FILTER (items.is_item AND coalesce(practices.is_gp_practice, TRUE)) AS first_gp_practice,
        max(items.practice_code) FILTER (items.is_item AND coalesce(practices.is_gp_practice, TRUE)) AS last_gp_practice,
        bool_or(items.is_opioid_item AND items.practice_code IS NOT NULL AND coalesce(practices.is_gp_practice, TRUE))
            AS is_opioid_of_gp_practice,
    FROM intermediate.int_patient_items__followed AS items
    INNER JOIN products USING (product_number)
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    GROUP BY items.patient_number, items.month_index
),

just_in_case AS (
    SELECT
        items.patient_number,
        items.month_index,
        count(DISTINCT products.drug) AS just_in_case_drugs,
    FROM intermediate.int_patient_items__followed AS items
    INNER JOIN products USING (product_number)
    WHERE items.other_class = 'just_in_case'
    GROUP BY items.patient_number, items.month_index
)

SELECT
    patient_number,
    month_index,
    months.is_opioid_month,
    CAST(coalesce(months.ome_mg, 0) AS DECIMAL(18, 4)) AS ome_mg,
    CAST(coalesce(months.ome_mg_counted, 0) AS DECIMAL(18, 4)) AS ome_mg_counted,
    CAST(coalesce(months.ome_mg_parenteral, 0) AS DECIMAL(18, 4)) AS ome_mg_parenteral,
    CAST(coalesce(months.ome_mg_ir_fentanyl, 0) AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl,
    coalesce(
        months.tablets >= $long_term_long_script_units
        OR months.patch_hours >= 24 * $long_term_long_script_patch_days,
        FALSE
    ) AS has_long_script,
    months.has_unconverted_item,
    months.has_implausible_quantity,
    coalesce(months.has_methadone, FALSE) AS has_methadone,
    coalesce(months.has_ir_fentanyl, FALSE) AS has_ir_fentanyl,
    months.has_parenteral_opioid,
    coalesce(months.has_parenteral_strong_opioid, FALSE) AS has_parenteral_strong_opioid,
    months.has_patch_wear_assumed,
    coalesce(months.has_gabapentinoid, FALSE) AS has_gabapentinoid,
    coalesce(months.has_benzodiazepine, FALSE) AS has_benzodiazepine,
    coalesce(months.has_z_drug, FALSE) AS has_z_drug,
    coalesce(months.has_dependence_treatment, FALSE) AS has_dependence_treatment,
    coalesce(just_in_case.just_in_case_drugs, 0) AS just_in_case_drugs,
    months.age,
    months.sex,
    months.imd_decile,
    months.registered_practice_code,
    CASE WHEN months.first_gp_practice = months.last_gp_practice THEN months.first_gp_practice END AS gp_practice_code,
    months.is_opioid_of_gp_practice,
    coalesce(months.first_gp_practice <> months.last_gp_practice, FALSE) AS is_contested,
FROM months
LEFT JOIN just_in_case USING (patient_number, month_index)
WHERE months.has_item
