-- Items of identified patients, each with the number of its patient and what it counts as.
--
-- Grain: one row per item.
-- Key: item_id
-- Kind: view
--
-- is_opioid_item: an opioid in scope that is not merely a reversal, whatever its ome_status. is_item: that, or an item of
-- another class, unless its quantity is zero or negative; what is neither keeps its row, for what it says of the person.
WITH opioids AS (
    SELECT
        item_id,
        patient_key,
        month,
        practice_code,
        registered_practice_code,
        age,
        sex,
        imd_decile,
        product_number,
        CAST(NULL AS VARCHAR) AS other_class,
        items,
        net_quantity,
        ome_mg,
        ome_status <> 'reversal_netted' AS is_opioid_item,
        ome_status <> 'reversal_netted' AS is_item,
        ome_status NOT IN ('converted', 'excluded_by_factor_set', 'reversal_netted') AS is_unconverted,
        is_implausible_quantity,
    FROM intermediate.int_items__ome
    WHERE source = 'patient' AND patient_key IS NOT NULL
),

others AS (
    SELECT
        item_id,
        patient_key,
        month,
        practice_code,
        registered_practice_code,
        age,
        sex,
        imd_decile,
        product_number,
        CASE WHEN coalesce(total_quantity > 0, TRUE) THEN product_class END AS other_class,
        items,
        CAST(NULL AS DECIMAL(18, 4)) AS net_quantity,
        CAST(NULL AS DECIMAL(18, 4)) AS ome_mg,
        FALSE AS is_opioid_item,
        product_class IN (
            'gabapentinoid', 'benzodiazepine', 'z_drug', 'sedative_not_counted', 'dependence_treatment', 'just_in_case'
        )
        AND coalesce(total_quantity > 0, TRUE) AS is_item,
        FALSE AS is_unconverted,
        FALSE AS is_implausible_quantity,
    FROM intermediate.int_items__classified
    WHERE source = 'patient' AND patient_key IS NOT NULL AND NOT in_scope
),

items AS (
    SELECT * FROM opioids
    UNION ALL
    SELECT * FROM others
)

SELECT
    items.item_id,
    patients.patient_number,
    months.month_index,
    items.practice_code,
    items.registered_practice_code,
    items.age,
    items.sex,
    items.imd_decile,
    items.product_number,
    items.other_class,
    items.items,
    items.net_quantity,
    items.ome_mg,
    items.is_opioid_item,
    items.is_item,
    items.is_unconverted,
    items.is_implausible_quantity,
FROM items
INNER JOIN intermediate.int_patients__numbered AS patients USING (patient_key)
INNER JOIN intermediate.int_months__patient AS months USING (month)
