-- Opioid items with the days they were supplied for, of people for whom the source brings any.
--
-- Grain: one row per opioid item that counts for dose, of a patient with a dispensing date or days' supply.
-- Key: item_id
--
-- first_day and last_day count days since the beginning of 2000; NULL where the source does not say. Reversals, what they
-- take back whole, and the parenteral route are left out, as in every dose.
WITH supplies AS (
    SELECT
        item_id,
        dispensed_date,
        days_supply,
    FROM staging.stg_patient__items
    WHERE dispensed_date IS NOT NULL OR days_supply IS NOT NULL
),

items AS (
    SELECT
        items.item_id,
        items.patient_key,
        items.month,
        items.ome_mg,
        items.ome_status,
        supplies.dispensed_date,
        supplies.days_supply,
        bool_or(supplies.item_id IS NOT NULL) OVER (PARTITION BY items.patient_key) AS has_supplies,
    FROM intermediate.int_items__ome AS items
    LEFT JOIN supplies USING (item_id)
    WHERE
        items.source = 'patient' AND items.patient_key IS NOT NULL AND items.ome_status <> 'reversal_netted'
        AND coalesce(items.route <> 'parenteral', TRUE) AND coalesce(items.net_quantity > 0, TRUE)
)

SELECT
    items.item_id,
    items.patient_key,
    months.month_index,
    items.ome_mg,
    items.ome_status = 'converted' AS is_converted,
    items.ome_status NOT IN ('converted', 'excluded_by_factor_set') AS is_unconverted,
    items.days_supply,
    date_diff('day', CAST('2000-01-01' AS DATE), items.dispensed_date) AS first_day,
    date_diff('day', CAST('2000-01-01' AS DATE), items.dispensed_date) + items.days_supply - 1 AS last_day,
    CAST(CAST(items.ome_mg AS DOUBLE) / items.days_supply AS DECIMAL(18, 8)) AS ome_mg_per_day_supplied,
FROM items
INNER JOIN intermediate.int_months__patient AS months USING (month)
WHERE items.has_supplies
