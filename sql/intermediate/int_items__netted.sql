-- What reversals leave of the quantities they take back.
--
-- Grain: one row per opioid item in scope of a patient, product and month in which a reversal occurs.
-- Key: item_id
--
-- A reversal is a negative quantity. It uses up the positive rows of its patient, product and month in the order of
-- the file (of its practice, product and month where no patient is known), so that the month's dose is the net
-- of both. What it takes back beyond that is never made a negative dose: exceeds_quantity marks the rows.
WITH products AS (
    SELECT
        product_number,
        coalesce(nullif(current_bnf_code, ''), bnf_description) AS product_code,
    FROM reference.products
),

opioids AS (
    SELECT
        items.item_id,
        items.source,
        coalesce(items.patient_key, 'practice ' || coalesce(items.practice_code, '-')) AS owner_key,
        products.product_code,
        items.month,
        items.total_quantity,
    FROM intermediate.int_items__classified AS items
    INNER JOIN products USING (product_number)
    WHERE items.in_scope
),

reversed AS (
    SELECT
        source,
        owner_key,
        product_code,
        month,
        -sum(total_quantity) FILTER (total_quantity < 0) AS quantity_taken_back,
        coalesce(sum(total_quantity) FILTER (total_quantity > 0), 0) AS quantity_given,
    FROM opioids
    GROUP BY source, owner_key, product_code, month
    HAVING min(total_quantity) < 0
),

cumulated AS (
    SELECT
        opioids.item_id,
        opioids.total_quantity,
        reversed.quantity_taken_back,
        reversed.quantity_given,
        sum(CASE WHEN opioids.total_quantity > 0 THEN opioids.total_quantity ELSE 0 END) OVER (
            PARTITION BY opioids.source, opioids.owner_key, opioids.product_code, opioids.month
            ORDER BY left(opioids.item_id, 12), length(opioids.item_id), opioids.item_id
        ) AS quantity_up_to_here,
    FROM opioids
    INNER JOIN reversed USING (source, owner_key, product_code, month)
)

SELECT
    item_id,
    CAST(
        CASE
            WHEN total_quantity >= 0
                THEN least(total_quantity, greatest(quantity_up_to_here - quantity_taken_back, 0))
        END AS DECIMAL(18, 4)
    ) AS net_quantity,
    coalesce(total_quantity <> 0 AND quantity_taken_back > quantity_given, FALSE) AS exceeds_quantity,
FROM cumulated
