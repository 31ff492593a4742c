-- What was dispensed to a patient in a month, by class.
--
-- Grain: one row per patient and month with an item of a followed class, in months that are loaded.
-- Key: patient_key, month_index
--
-- An opioid month is one with an opioid item in scope that is not merely a reversal, whatever its ome_status: an item
-- that cannot be converted still says that opioids were taken. ome_mg_counted leaves out the parenteral route, which
-- stands beside the dose. Items of other classes count unless their quantity is zero or negative.
WITH opioid_months AS (
    SELECT
        patient_key,
        month,
        count(*) FILTER (ome_status <> 'reversal_netted') AS opioid_items,
        CAST(coalesce(sum(ome_mg), 0) AS DECIMAL(18, 4)) AS ome_mg,
        CAST(coalesce(sum(ome_mg) FILTER (route <> 'parenteral'), 0) AS DECIMAL(18, 4)) AS ome_mg_counted,
        CAST(coalesce(sum(ome_mg) FILTER (route = 'parenteral'), 0) AS DECIMAL(18, 4)) AS ome_mg_parenteral,
        CAST(coalesce(sum(ome_mg) FILTER (is_immediate_release_fentanyl), 0) AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl,
        count(*) FILTER (ome_status NOT IN ('converted', 'excluded_by_factor_set', 'reversal_netted')) AS unconverted_items,
        coalesce(sum(net_quantity) FILTER (form LIKE '%tablet%' OR form LIKE '%capsule%'), 0) AS tablets,
        coalesce(sum(net_quantity * wear_hours) FILTER (form = 'patch'), 0) AS patch_hours,
        bool_or(is_methadone AND ome_status <> 'reversal_netted') AS has_methadone,
        bool_or(is_immediate_release_fentanyl AND ome_status <> 'reversal_netted') AS has_ir_fentanyl,
        coalesce(bool_or(route = 'parenteral' AND ome_status <> 'reversal_netted'), FALSE) AS has_parenteral_opioid,
        coalesce(bool_or(route = 'parenteral' AND is_strong_opioid AND ome_status <> 'reversal_netted'), FALSE)
            AS has_parenteral_strong_opioid,
        bool_or(is_implausible_quantity) AS has_implausible_quantity,
        coalesce(bool_or(cautions LIKE '%patch_wear_assumed%'), FALSE) AS has_patch_wear_assumed,
    FROM intermediate.int_items__ome
    WHERE source = 'patient' AND patient_key IS NOT NULL
    GROUP BY patient_key, month
),

other_items AS (
    SELECT
        items.patient_key,
        items.month,
        items.product_class,
        products.drug,
    FROM intermediate.int_items__classified AS items
    INNER JOIN reference.products AS products USING (product_number)
    WHERE
        items.source = 'patient' AND items.patient_key IS NOT NULL
        AND items.product_class IN (
            'gabapentinoid', 'benzodiazepine', 'z_drug', 'sedative_not_counted', 'dependence_treatment', 'just_in_case'
        )
        AND coalesce(items.total_quantity > 0, TRUE)
),

other_months AS (
    SELECT
        patient_key,
        month,
        bool_or(product_class = 'gabapentinoid') AS has_gabapentinoid,
        bool_or(product_class = 'benzodiazepine') AS has_benzodiazepine,
        bool_or(product_class = 'z_drug') AS has_z_drug,
        bool_or(product_class = 'dependence_treatment') AS has_dependence_treatment,
        count(DISTINCT CASE WHEN product_class = 'just_in_case' THEN drug END) AS just_in_case_drugs,
    FROM other_items
    GROUP BY patient_key, month
)

SELECT
    patient_key,
    months.month_index,
    months.data_month_number,
    months.loaded_days_before,
    coalesce(opioid_months.opioid_items, 0) > 0 AS is_opioid_month,
    CAST(coalesce(opioid_months.ome_mg, 0) AS DECIMAL(18, 4)) AS ome_mg,
    CAST(coalesce(opioid_months.ome_mg_counted, 0) AS DECIMAL(18, 4)) AS ome_mg_counted,
    CAST(coalesce(opioid_months.ome_mg_parenteral, 0) AS DECIMAL(18, 4)) AS ome_mg_parenteral,
    CAST(coalesce(opioid_months.ome_mg_ir_fentanyl, 0) AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl,
    coalesce(opioid_months.unconverted_items, 0) AS unconverted_items,
    coalesce(
        opioid_months.tablets >= $long_term_long_script_units
        OR opioid_months.patch_hours >= 24 * $long_term_long_script_patch_days,
        FALSE
    ) AS has_long_script,
    coalesce(opioid_months.has_methadone, FALSE) AS has_methadone,
    coalesce(opioid_months.has_ir_fentanyl, FALSE) AS has_ir_fentanyl,
    coalesce(opioid_months.has_parenteral_opioid, FALSE) AS has_parenteral_opioid,
    coalesce(opioid_months.has_parenteral_strong_opioid, FALSE) AS has_parenteral_strong_opioid,
    coalesce(opioid_months.has_implausible_quantity, FALSE) AS has_implausible_quantity,
    coalesce(opioid_months.has_patch_wear_assumed, FALSE) AS has_patch_wear_assumed,
    coalesce(other_months.has_gabapentinoid, FALSE) AS has_gabapentinoid,
    coalesce(other_months.has_benzodiazepine, FALSE) AS has_benzodiazepine,
    coalesce(other_months.has_z_drug, FALSE) AS has_z_drug,
    coalesce(other_months.has_dependence_treatment, FALSE) AS has_dependence_treatment,
    coalesce(other_months.just_in_case_drugs, 0) AS just_in_case_drugs,
FROM opioid_months
FULL JOIN other_months USING (patient_key, month)
INNER JOIN intermediate.int_months__patient AS months USING (month)
WHERE coalesce(opioid_months.opioid_items, 0) > 0 OR other_months.patient_key IS NOT NULL
