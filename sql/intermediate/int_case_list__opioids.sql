-- The opioids of each patient on the list in words: long-acting first, then short-acting, then injections.
--
-- Grain: one row per patient with an opioid item in the last three months.
-- Key: patient_key
--
-- "56 a month" is said only of a product that came in every month the dose looks at; otherwise the total is given with
-- when it came. Two long-acting opioids in one month may be a switch: the number of such months says which.
WITH amounts AS (
    SELECT
        patient_key,
        product_name,
        drug,
        kind,
        is_long_acting,
        unconverted_items,
        months_dispensed,
        months_covered,
        last_month,
        as_at_month,
        net_quantity,
        item_rows,
        is_unusual_quantity,
        CASE WHEN quantity_unit = 'ml' THEN ' ml' ELSE '' END AS unit,
        CAST(floor(CAST(net_quantity AS DOUBLE) / months_covered + 0.5) AS BIGINT) AS quantity_a_month,
        CAST(floor(CAST(net_quantity AS DOUBLE) + 0.5) AS BIGINT) AS quantity,
    FROM intermediate.int_case_list__opioid_products
),

worded AS (
    SELECT
        patient_key,
        kind,
        is_long_acting,
        unconverted_items,
        concat(
            product_name,
            ': ',
            CASE
                WHEN net_quantity IS NULL THEN 'quantity not recorded'
                WHEN net_quantity <= 0 THEN 'nothing left after returns'
                WHEN months_dispensed >= months_covered
                    THEN concat(
                        CASE WHEN quantity_a_month * months_covered <> net_quantity THEN 'about ' ELSE '' END,
                        quantity_a_month,
                        unit,
                        ' a month'
                    )
                WHEN months_dispensed = 1 THEN concat(quantity, unit, ' in ', strftime(last_month, '%b %Y'))
                ELSE concat(
                    quantity,
                    unit,
                    ' in all, in ',
                    months_dispensed,
                    ' of ',
                    months_covered,
                    ' months',
                    CASE
                        WHEN last_month < as_at_month THEN concat(', last in ', strftime(last_month, '%b %Y'))
                        ELSE ''
                    END
                )
            END,
            ' (',
            kind,
            CASE WHEN is_unusual_quantity THEN ', unusual quantity' ELSE '' END,
            CASE
                WHEN unconverted_items = 0 THEN ''
                WHEN unconverted_items = item_rows THEN ', dose not known'
                ELSE concat(', dose not known of ', unconverted_items, ' of ', item_rows, ' items')
            END,
            ')'
        ) AS words,
    FROM amounts
),

texts AS (
    SELECT
        patient_key,
        string_agg(words, '; ' ORDER BY words) FILTER (is_long_acting) AS long_acting,
        string_agg(words, '; ' ORDER BY words) FILTER (NOT is_long_acting AND kind <> 'injection') AS short_acting,
        string_agg(words, '; ' ORDER BY words) FILTER (kind = 'injection') AS injections,
        CAST(sum(unconverted_items) AS BIGINT) AS unconverted_items,
    FROM worded
    GROUP BY patient_key
),

long_acting_drugs AS (
    SELECT DISTINCT
        items.patient_key,
        items.month,
        products.drug,
    FROM intermediate.int_items__ome AS items
    INNER JOIN intermediate.int_case_list__month AS list_month
        ON items.month <= list_month.month
    INNER JOIN intermediate.int_months__patient AS months
        ON items.month = months.month AND months.month_index >= list_month.month_index - 2
    INNER JOIN reference.products AS products USING (product_number)
    WHERE
        items.source = 'patient' AND items.patient_key IS NOT NULL AND items.net_quantity > 0
        AND (products.form = 'patch' OR (products.release = 'modified' AND products.route <> 'parenteral'))
),

together AS (
    SELECT
        patient_key,
        month,
    FROM long_acting_drugs
    GROUP BY patient_key, month
    HAVING count(*) > 1
),

together_drugs AS (
    SELECT DISTINCT
        long_acting_drugs.patient_key,
        long_acting_drugs.drug,
    FROM long_acting_drugs
    INNER JOIN together USING (patient_key, month)
),

together_words AS (
    SELECT
        patient_key,
        concat('two or more long-acting opioids in one month: ', drugs, ' (in ', months, ' of 3 months)') AS words,
    FROM (
        SELECT
            patient_key,
            string_agg(drug, ' and ' ORDER BY drug) AS drugs,
        FROM together_drugs
        GROUP BY patient_key
    )
    INNER JOIN (
        SELECT
            patient_key,
            count(*) AS months,
        FROM together
        GROUP BY patient_key
    ) USING (patient_key)
)

SELECT
    texts.patient_key,
    concat_ws('; ', texts.long_acting, texts.short_acting, texts.injections, together_words.words) AS opioids,
    texts.unconverted_items,
FROM texts
LEFT JOIN together_words USING (patient_key)
