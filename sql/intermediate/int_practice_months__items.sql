-- Sums of items, milligrams, pounds and defined daily doses (DDD) of a practice, measure by measure.
--
-- Grain: one row per practice, month and measure that counts no people; practice "-" is what is in no practice.
-- Key: practice_code, month, measure
--
-- long_acting_items is the denominator of shares among long-acting items. people is how many patients stand behind a sum,
-- of any drug and route: disclosure control needs it. Products without a strength have no DDD and are left out of it.
WITH products AS (
    SELECT
        product_number,
        drug,
        route,
        mg_per_unit,
        ddd_mg,
    FROM reference.products
),

opioids AS (
    SELECT
        items.source,
        items.month,
        coalesce(items.practice_code, '-') AS practice_code,
        'opioid' AS product_class,
        items.drug,
        items.route,
        strengths.product_number IS NOT NULL AS is_long_acting,
        coalesce(strengths.high_strength_120, FALSE) AS high_strength_120,
        coalesce(strengths.high_strength_90, FALSE) AS high_strength_90,
        sum(items.items) AS items,
        coalesce(sum(items.ome_mg), 0) AS ome_mg,
        sum(items.nic_gbp) AS nic_gbp,
        CAST(0 AS DOUBLE) AS ddd,
    FROM intermediate.int_items__ome AS items
    LEFT JOIN intermediate.int_products__high_strength AS strengths USING (product_number)
    GROUP BY ALL
),

gabapentinoids AS (
    SELECT
        items.source,
        items.month,
        coalesce(items.practice_code, '-') AS practice_code,
        'gabapentinoid' AS product_class,
        products.drug,
        products.route,
        FALSE AS is_long_acting,
        FALSE AS high_strength_120,
        FALSE AS high_strength_90,
        sum(items.items) AS items,
        CAST(0 AS DECIMAL(18, 4)) AS ome_mg,
        sum(items.nic_gbp) AS nic_gbp,
        coalesce(sum(CAST(items.total_quantity AS DOUBLE) * products.mg_per_unit / products.ddd_mg), 0) AS ddd,
    FROM intermediate.int_items__classified AS items
    INNER JOIN products USING (product_number)
    WHERE items.product_class = 'gabapentinoid'
    GROUP BY ALL
),

sums AS (
    SELECT source, month, practice_code, product_class, drug, route, is_long_acting, high_strength_120, high_strength_90,
        items, ome_mg, nic_gbp, ddd,
    FROM opioids

    UNION ALL

    SELECT source, month, practice_code, product_class, drug, route, is_long_acting, high_strength_120, high_strength_90,
        items, ome_mg, nic_gbp, ddd,
    FROM gabapentinoids
),

people AS (
    SELECT
        month,
        coalesce(practice_code, '-') AS practice_code,
        product_class,
        count(DISTINCT patient_key) AS people,
    FROM intermediate.int_items__classified
    WHERE source = 'patient' AND product_class IN ('opioid', 'gabapentinoid')
    GROUP BY ALL
),

measured AS (
    SELECT
        sums.practice_code,
        sums.month,
        measures.measure,
        measures.source,
        measures.product_class,
        CAST(
            sum(
                CASE
                    WHEN measures.strength = 'high_strength_120' AND NOT sums.high_strength_120 THEN 0
                    WHEN measures.strength = 'high_strength_90' AND NOT sums.high_strength_90 THEN 0
                    WHEN measures.unit = 'ome_mg' THEN sums.ome_mg
                    WHEN measures.unit = 'items' THEN sums.items
                    WHEN measures.unit = 'nic_gbp' THEN sums.nic_gbp
                    WHEN measures.unit = 'ddd' THEN sums.ddd
                END
            ) AS DECIMAL(24, 4)
        ) AS numerator,
        CAST(sum(CASE WHEN sums.is_long_acting THEN sums.items ELSE 0 END) AS BIGINT) AS long_acting_items,
    FROM sums
    INNER JOIN reference.measures AS measures
        ON sums.source = measures.source
        AND sums.product_class = measures.product_class
        AND measures.unit <> 'people'
        AND (measures.drug IS NULL OR measures.drug = sums.drug)
        AND (measures.route IS NULL OR measures.route = sums.route)
    GROUP BY ALL
)

SELECT
    measured.practice_code,
    measured.month,
    measured.measure,
    measured.numerator,
    measured.long_acting_items,
    CASE WHEN measured.source = 'patient' THEN coalesce(people.people, 0) ELSE 0 END AS people,
FROM measured
LEFT JOIN people USING (practice_code, month, product_class)
