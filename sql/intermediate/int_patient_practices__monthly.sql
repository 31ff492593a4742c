-- Which GP practice a month's own items point to.
--
-- Grain: one row per patient and month with an item from a GP practice, or with a registered practice.
-- Key: patient_key, month
--
-- Where a cost centre cannot be told to be a GP practice or not (no reference loaded), it may stand for one.
WITH opioid_items AS (
    SELECT
        item_id,
        ome_mg,
        ome_status <> 'reversal_netted' AS is_opioid_item,
    FROM intermediate.int_items__ome
    WHERE source = 'patient'
),

items AS (
    SELECT
        items.patient_key,
        items.month,
        items.practice_code,
        items.registered_practice_code,
        items.items,
        coalesce(practices.is_gp_practice, TRUE) AS may_be_gp_practice,
        coalesce(opioid_items.is_opioid_item, FALSE) AS is_opioid_item,
        coalesce(opioid_items.ome_mg, 0) AS ome_mg,
        coalesce(
            opioid_items.is_opioid_item,
            items.product_class IN (
                'gabapentinoid', 'benzodiazepine', 'z_drug', 'sedative_not_counted', 'dependence_treatment', 'just_in_case'
            )
            AND coalesce(items.total_quantity > 0, TRUE)
        ) AS is_item,
    FROM intermediate.int_items__classified AS items
    LEFT JOIN opioid_items USING (item_id)
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    WHERE items.source = 'patient' AND items.patient_key IS NOT NULL
),

by_practice AS (
    SELECT
        patient_key,
        month,
        practice_code,
        sum(CASE WHEN is_opioid_item THEN items ELSE 0 END) AS opioid_items,
        sum(ome_mg) AS ome_mg,
        sum(items) AS items,
        bool_or(is_opioid_item) AS has_opioid,
    FROM items
    WHERE may_be_gp_practice AND practice_code IS NOT NULL AND is_item
    GROUP BY patient_key, month, practice_code
),

opioid_practices AS (
    SELECT
        patient_key,
        month,
        practice_code,
    FROM by_practice
    WHERE has_opioid
    QUALIFY row_number() OVER (
        PARTITION BY patient_key, month ORDER BY ome_mg DESC, opioid_items DESC, practice_code
    ) = 1
),

any_practices AS (
    SELECT
        patient_key,
        month,
        practice_code,
    FROM by_practice
    QUALIFY row_number() OVER (PARTITION BY patient_key, month ORDER BY items DESC, practice_code) = 1
),

registered AS (
    SELECT
        patient_key,
        month,
        min(registered_practice_code) AS practice_code,
    FROM items
    WHERE registered_practice_code IS NOT NULL AND is_item
    GROUP BY patient_key, month
)

SELECT
    patient_key,
    month,
    registered.practice_code AS registered_practice_code,
    opioid_practices.practice_code AS opioid_practice_code,
    any_practices.practice_code AS any_practice_code,
FROM any_practices
FULL JOIN registered USING (patient_key, month)
LEFT JOIN opioid_practices USING (patient_key, month)
