-- What was dispensed to a patient in a month, by class, with what its items say of the person and the practice.
--
-- Grain: one row per patient and month with an item of a followed class, in months that are loaded.
-- Key: patient_number, month_index
--
-- An opioid month is one with an opioid item in scope that is not merely a reversal, whatever its ome_status: an item
-- that cannot be converted still says that opioids were taken. ome_mg_counted leaves out the parenteral route, which
-- stands beside the dose. Where a month's items differ in age, sex or deprivation, the greatest value stands.
-- gp_practice_code is NULL where no GP practice prescribed, or where more than one did: is_contested. What few people have
-- (injections, methadone, just-in-case medicines …) is in int_patient_months__rare.
WITH products AS (
    SELECT
        product_number,
        route <> 'parenteral' AS is_counted_in_dose,
        coalesce(form LIKE '%tablet%' OR form LIKE '%capsule%', FALSE) AS is_tablet,
        coalesce(form = 'patch', FALSE) AS is_patch,
        wear_hours,
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
        sum(items.net_quantity) FILTER (products.is_tablet) AS tablets,
        sum(items.net_quantity * products.wear_hours) FILTER (products.is_patch) AS patch_hours,
        bool_or(items.other_class = 'gabapentinoid') AS has_gabapentinoid,
        bool_or(items.other_class = 'benzodiazepine') AS has_benzodiazepine,
        bool_or(items.other_class = 'z_drug') AS has_z_drug,
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
)

SELECT
    patient_number,
    month_index,
    is_opioid_month,
    CAST(coalesce(ome_mg, 0) AS DECIMAL(18, 4)) AS ome_mg,
    CAST(coalesce(ome_mg_counted, 0) AS DECIMAL(18, 4)) AS ome_mg_counted,
    coalesce(
        tablets >= $long_term_long_script_units
        OR patch_hours >= 24 * $long_term_long_script_patch_days,
        FALSE
    ) AS has_long_script,
    coalesce(has_gabapentinoid, FALSE) AS has_gabapentinoid,
    coalesce(has_benzodiazepine, FALSE) AS has_benzodiazepine,
    coalesce(has_z_drug, FALSE) AS has_z_drug,
    age,
    sex,
    imd_decile,
    registered_practice_code,
    CASE WHEN first_gp_practice = last_gp_practice THEN first_gp_practice END AS gp_practice_code,
    is_opioid_of_gp_practice,
    coalesce(first_gp_practice <> last_gp_practice, FALSE) AS is_contested,
FROM months
WHERE has_item
