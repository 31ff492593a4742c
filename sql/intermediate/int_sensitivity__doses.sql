-- What each patient's windows at the as-at month hold under the factor set in use, and under each that changes it.
--
-- Grain: one row per patient with an opioid item in the last twelve months and factor set: the one in use, and every
-- other under which an item of theirs is worth something else.
-- Key: patient_key, factor_set
--
-- A factor set changes what a product is worth, never the items, what reversals leave of them, the episode or the days:
-- those are the warehouse's own. Most sets differ from the one in use by one drug, so only the difference is reckoned, item
-- by item, and only for those who have that drug. A window is cut at the start of the episode. An item without a dose is
-- unconverted, unless the set leaves its drug out on purpose. The parenteral route stands beside the dose.
WITH patients AS (
    SELECT
        flagged.patient_key,
        flagged.month_index,
        greatest(flagged.month_index - 11, coalesce(flagged.episode_month_index, 0)) AS first_month_index,
    FROM intermediate.int_patient_months__flagged AS flagged
    INNER JOIN intermediate.int_case_list__month AS list_month USING (month)
),

items AS (
    SELECT
        items.patient_key,
        items.product_number,
        coalesce(items.route = 'parenteral', FALSE) AS is_parenteral,
        coalesce(items.total_quantity > 0, FALSE) AS has_quantity,
        items.net_quantity,
        patients.month_index - months.month_index AS months_ago,
    FROM intermediate.int_items__ome AS items
    INNER JOIN patients USING (patient_key)
    INNER JOIN intermediate.int_months__patient AS months USING (month)
    WHERE
        items.source = 'patient' AND items.ome_status <> 'reversal_netted'
        AND months.month_index BETWEEN patients.first_month_index AND patients.month_index
),

products AS (
    SELECT
        other.product_number,
        other.factor_set,
        other.ome_mg_per_unit,
        other.ome_status,
        CASE WHEN other.factor_set <> $factor_set THEN in_use.ome_mg_per_unit END AS ome_mg_per_unit_taken_off,
        CASE WHEN other.factor_set <> $factor_set THEN in_use.ome_status END AS ome_status_taken_off,
    FROM reference.products_by_factor_set AS other
    INNER JOIN reference.products_by_factor_set AS in_use
        ON other.product_number = in_use.product_number AND in_use.factor_set = $factor_set
    WHERE
        other.factor_set = $factor_set OR other.ome_mg_per_unit IS DISTINCT FROM in_use.ome_mg_per_unit
        OR other.ome_status <> in_use.ome_status
),

worth AS (
    SELECT
        items.patient_key,
        products.factor_set,
        items.is_parenteral,
        items.months_ago,
        CASE
            WHEN items.has_quantity
                THEN coalesce(CAST(items.net_quantity * products.ome_mg_per_unit AS DECIMAL(18, 4)), 0)
                    - coalesce(CAST(items.net_quantity * products.ome_mg_per_unit_taken_off AS DECIMAL(18, 4)), 0)
        END AS ome_mg,
        CASE
            WHEN products.ome_status = 'excluded_by_factor_set' THEN 0
            WHEN products.ome_status <> 'converted' OR NOT items.has_quantity THEN 1
            ELSE 0
        END
        - CASE
            WHEN products.ome_status_taken_off = 'excluded_by_factor_set' THEN 0
            WHEN products.ome_status_taken_off <> 'converted' THEN 1
            WHEN products.ome_status_taken_off = 'converted' AND NOT items.has_quantity THEN 1
            ELSE 0
        END AS unconverted_items,
    FROM items
    INNER JOIN products USING (product_number)
),

summed AS (
    SELECT
        patient_key,
        factor_set,
        sum(ome_mg) FILTER (months_ago < 1 AND NOT is_parenteral) AS ome_mg_1m,
        sum(ome_mg) FILTER (months_ago < 3 AND NOT is_parenteral) AS ome_mg_3m,
        sum(ome_mg) FILTER (months_ago < 6 AND NOT is_parenteral) AS ome_mg_6m,
        sum(ome_mg) FILTER (NOT is_parenteral) AS ome_mg_12m,
        sum(ome_mg) FILTER (months_ago < 1 AND is_parenteral) AS ome_mg_parenteral_1m,
        sum(ome_mg) FILTER (months_ago < 3 AND is_parenteral) AS ome_mg_parenteral_3m,
        sum(ome_mg) FILTER (months_ago < 6 AND is_parenteral) AS ome_mg_parenteral_6m,
        sum(ome_mg) FILTER (is_parenteral) AS ome_mg_parenteral_12m,
        sum(unconverted_items) FILTER (months_ago < 1) AS unconverted_items_1m,
        sum(unconverted_items) FILTER (months_ago < 3) AS unconverted_items_3m,
        sum(unconverted_items) FILTER (months_ago < 6) AS unconverted_items_6m,
        sum(unconverted_items) AS unconverted_items_12m,
    FROM worth
    GROUP BY patient_key, factor_set
),

in_use AS (
    SELECT
        patient_key,
        factor_set,
        ome_mg_1m,
        ome_mg_3m,
        ome_mg_6m,
        ome_mg_12m,
        ome_mg_parenteral_1m,
        ome_mg_parenteral_3m,
        ome_mg_parenteral_6m,
        ome_mg_parenteral_12m,
        unconverted_items_1m,
        unconverted_items_3m,
        unconverted_items_6m,
        unconverted_items_12m,
    FROM summed
    WHERE factor_set = $factor_set
)

-- Of the set in use there is nothing to add to: its sums stand alone.
SELECT
    summed.patient_key,
    summed.factor_set,
    coalesce(summed.ome_mg_1m, 0) + coalesce(in_use.ome_mg_1m, 0) AS ome_mg_1m,
    coalesce(summed.ome_mg_3m, 0) + coalesce(in_use.ome_mg_3m, 0) AS ome_mg_3m,
    coalesce(summed.ome_mg_6m, 0) + coalesce(in_use.ome_mg_6m, 0) AS ome_mg_6m,
    coalesce(summed.ome_mg_12m, 0) + coalesce(in_use.ome_mg_12m, 0) AS ome_mg_12m,
    coalesce(summed.ome_mg_parenteral_1m, 0) + coalesce(in_use.ome_mg_parenteral_1m, 0) AS ome_mg_parenteral_1m,
    coalesce(summed.ome_mg_parenteral_3m, 0) + coalesce(in_use.ome_mg_parenteral_3m, 0) AS ome_mg_parenteral_3m,
    coalesce(summed.ome_mg_parenteral_6m, 0) + coalesce(in_use.ome_mg_parenteral_6m, 0) AS ome_mg_parenteral_6m,
    coalesce(summed.ome_mg_parenteral_12m, 0) + coalesce(in_use.ome_mg_parenteral_12m, 0) AS ome_mg_parenteral_12m,
    coalesce(summed.unconverted_items_1m, 0) + coalesce(in_use.unconverted_items_1m, 0) > 0 AS has_unconverted_1m,
    coalesce(summed.unconverted_items_3m, 0) + coalesce(in_use.unconverted_items_3m, 0) > 0 AS has_unconverted_3m,
    coalesce(summed.unconverted_items_6m, 0) + coalesce(in_use.unconverted_items_6m, 0) > 0 AS has_unconverted_6m,
    coalesce(summed.unconverted_items_12m, 0) + coalesce(in_use.unconverted_items_12m, 0) > 0 AS has_unconverted_12m,
FROM summed
LEFT JOIN in_use
    ON summed.patient_key = in_use.patient_key AND summed.factor_set <> $factor_set
