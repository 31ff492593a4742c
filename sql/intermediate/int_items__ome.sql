-- Oral morphine equivalence (OME) of every opioid item in scope.
--
-- Grain: one row per item (patient source) or row (EPD).
-- Key: item_id
--
-- An item that cannot be converted keeps its row: ome_mg is NULL and ome_status says why, so that totals downstream
-- can state how much they leave out. Quantities that no course of treatment explains are cautioned, never changed.
WITH opioids AS (
    SELECT
        source,
        item_id,
        month,
        practice_code,
        registered_practice_code,
        patient_key,
        age,
        sex,
        imd_decile,
        product_number,
        items,
        total_quantity,
        nic_gbp,
    FROM intermediate.int_items__classified
    WHERE in_scope
),

products AS (
    SELECT
        product_number,
        drug,
        route,
        form,
        quantity_unit,
        wear_hours,
        ome_mg_per_unit,
        ome_status AS product_status,
        cautions AS product_cautions,
        is_immediate_release_fentanyl,
        is_methadone,
        is_strong_opioid,
    FROM reference.products
),

quantified AS (
    SELECT
        opioids.source,
        opioids.item_id,
        opioids.month,
        opioids.practice_code,
        opioids.registered_practice_code,
        opioids.patient_key,
        opioids.age,
        opioids.sex,
        opioids.imd_decile,
        opioids.product_number,
        opioids.items,
        opioids.total_quantity,
        opioids.nic_gbp,
        products.drug,
        products.route,
        products.form,
        products.quantity_unit,
        products.wear_hours,
        products.ome_mg_per_unit,
        products.product_cautions,
        products.is_immediate_release_fentanyl,
        products.is_methadone,
        products.is_strong_opioid,
        -- A reversal has taken its quantity off other items: nothing is left of its own.
        CASE
            WHEN netted.item_id IS NULL THEN opioids.total_quantity
            WHEN netted.item_id IS NOT NULL THEN netted.net_quantity
        END AS net_quantity,
        coalesce(netted.exceeds_quantity, FALSE) AS exceeds_quantity,
        CASE
            WHEN opioids.total_quantity < 0 THEN 'reversal_netted'
            WHEN products.product_status <> 'converted' THEN products.product_status
            WHEN opioids.total_quantity IS NULL THEN 'quantity_missing'
            WHEN opioids.total_quantity = 0 THEN 'quantity_not_positive'
            WHEN opioids.total_quantity > 0 THEN 'converted'
        END AS ome_status,
        coalesce(
            CASE
                WHEN opioids.total_quantity <= 0 THEN FALSE
                WHEN products.is_immediate_release_fentanyl
                    THEN opioids.total_quantity > $implausible_quantity_immediate_release_fentanyl_high * opioids.items
                WHEN products.form LIKE '%tablet%' OR products.form LIKE '%capsule%'
                    THEN opioids.total_quantity <= $implausible_quantity_tablets_low * opioids.items
                        OR opioids.total_quantity > $implausible_quantity_tablets_high * opioids.items
                WHEN products.form = 'patch'
                    THEN opioids.total_quantity > $implausible_quantity_patches_high * opioids.items
                WHEN products.form IN ('oral liquid', 'linctus')
                    THEN opioids.total_quantity < $implausible_quantity_liquid_ml_low * opioids.items
                        OR opioids.total_quantity > $implausible_quantity_liquid_ml_high * opioids.items
                WHEN products.form = 'injection'
                    THEN opioids.total_quantity > $implausible_quantity_ampoules_high * opioids.items
            END,
            FALSE
        ) AS is_implausible_quantity,
    FROM opioids
    INNER JOIN products USING (product_number)
    LEFT JOIN intermediate.int_items__netted AS netted USING (item_id)
)

SELECT
    source,
    item_id,
    month,
    practice_code,
    registered_practice_code,
    patient_key,
    age,
    sex,
    imd_decile,
    product_number,
    items,
    total_quantity,
    net_quantity,
    nic_gbp,
    drug,
    route,
    form,
    quantity_unit,
    wear_hours,
    ome_mg_per_unit,
    CASE WHEN ome_status = 'converted' THEN CAST(net_quantity * ome_mg_per_unit AS DECIMAL(18, 4)) END AS ome_mg,
    ome_status,
    CASE ome_status
        WHEN 'quantity_missing' THEN 'no quantity is given'
        WHEN 'quantity_not_positive' THEN 'the quantity is zero'
        WHEN 'reversal_netted' THEN 'the quantity is negative: it is taken off the item it reverses'
    END AS quantity_reason,
    nullif(
        concat_ws(
            '; ',
            nullif(product_cautions, ''),
            CASE WHEN is_implausible_quantity THEN 'implausible_quantity' END,
            CASE WHEN exceeds_quantity THEN 'reversal_exceeds_quantity' END
        ),
        ''
    ) AS cautions,
    is_implausible_quantity,
    is_immediate_release_fentanyl,
    is_methadone,
    is_strong_opioid,
FROM quantified
