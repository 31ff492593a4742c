-- The other medicines of a patient on the list that matter beside an opioid, in words.
--
-- Grain: one row per patient with such an item in the last six months.
-- Key: patient_key
--
-- Gabapentinoids and sedatives of the last three months, dependence treatment of the last six. The dose of a
-- gabapentinoid is what was dispensed in the three months divided by their days; a drug that is new (none in the six
-- months before) is divided by the days since the month it began.
WITH listed AS (
    SELECT patient_key,
    FROM intermediate.int_case_list__prioritised
    WHERE is_as_at
),

months AS (
    SELECT
        months.month,
        months.month_index,
        months.loaded_days_so_far,
        months.loaded_days_before,
        list_month.month_index AS as_at_month_index,
    FROM intermediate.int_months__patient AS months
    INNER JOIN intermediate.int_case_list__month AS list_month
        ON months.month_index BETWEEN list_month.month_index - 8 AND list_month.month_index
),

items AS (
    SELECT
        items.patient_key,
        products.product_class,
        products.drug,
        months.month,
        months.month_index,
        months.as_at_month_index,
        coalesce(items.total_quantity > 0, TRUE) AS is_item,
        products.mg_per_unit,
        items.total_quantity,
        CAST(items.total_quantity * products.mg_per_unit AS DECIMAL(18, 4)) AS mg,
    FROM intermediate.int_items__classified AS items
    INNER JOIN months USING (month)
    INNER JOIN listed USING (patient_key)
    INNER JOIN reference.products AS products USING (product_number)
    WHERE
        items.source = 'patient'
        AND products.product_class IN (
            'gabapentinoid', 'benzodiazepine', 'z_drug', 'sedative_not_counted', 'dependence_treatment'
        )
),

drugs AS (
    SELECT
        patient_key,
        product_class,
        drug,
        greatest(min(month_index) FILTER (is_item), max(as_at_month_index) - 2) AS first_month_index,
        max(as_at_month_index) AS as_at_month_index,
        max(month_index) FILTER (is_item) AS last_month_index,
        max(month) FILTER (is_item) AS last_month,
        sum(mg) FILTER (month_index >= as_at_month_index - 2) AS mg,
        coalesce(
            bool_or(is_item AND (mg_per_unit IS NULL OR total_quantity IS NULL))
            FILTER (month_index >= as_at_month_index - 2),
            FALSE
        ) AS is_mg_missing,
    FROM items
    GROUP BY patient_key, product_class, drug
),

dosed AS (
    SELECT
        drugs.patient_key,
        drugs.product_class,
        drugs.drug,
        drugs.last_month,
        drugs.as_at_month_index - drugs.last_month_index AS months_ago,
        drugs.mg IS NOT NULL AND drugs.mg >= 0 AND NOT drugs.is_mg_missing AS is_dose_known,
        CAST(drugs.mg AS DOUBLE) / (last_days.loaded_days_so_far - first_days.loaded_days_before) AS mg_per_day,
    FROM drugs
    INNER JOIN months AS first_days ON drugs.first_month_index = first_days.month_index
    INNER JOIN months AS last_days ON drugs.as_at_month_index = last_days.month_index
),

worded AS (
    SELECT
        patient_key,
        product_class,
        drug,
        months_ago,
        CASE product_class
            WHEN 'gabapentinoid'
                THEN concat(
                    drug,
                    CASE
                        WHEN is_dose_known THEN concat(' about ', CAST(floor(mg_per_day + 0.5) AS BIGINT), ' mg a day')
                        ELSE ' dose not known'
                    END,
                    ', last in ',
                    strftime(last_month, '%b %Y')
                )
            WHEN 'sedative_not_counted'
                THEN concat(drug, ', last in ', strftime(last_month, '%b %Y'), ' (not counted in the measure)')
            ELSE concat(drug, ', last in ', strftime(last_month, '%b %Y'))
        END AS words,
    FROM dosed
)

SELECT
    patient_key,
    string_agg(words, '; ' ORDER BY words)
        FILTER (product_class = 'gabapentinoid' AND months_ago <= 2)
        AS gabapentinoids,
    string_agg(words, '; ' ORDER BY words)
        FILTER (product_class IN ('benzodiazepine', 'z_drug', 'sedative_not_counted') AND months_ago <= 2)
        AS other_sedatives,
    string_agg(drug, ', ' ORDER BY drug)
        FILTER (product_class IN ('gabapentinoid', 'benzodiazepine', 'z_drug') AND months_ago <= 2)
        AS counted_sedatives,
    string_agg(words, ' and ' ORDER BY words)
        FILTER (product_class = 'dependence_treatment' AND months_ago <= 5)
        AS dependence_treatments,
FROM worded
GROUP BY patient_key
