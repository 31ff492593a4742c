-- Signs in the prescribing that a patient may be near the end of life. A label, never a reason to delete.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_key, month_index
--
-- strong: two or more different just-in-case injectables in one of the last six months, and an opioid injection in the
-- same or a neighbouring month. moderate: a parenteral strong opioid in the last six months. NULL where the extract
-- holds no just-in-case product for anyone: then absence says nothing.
WITH extract AS (
    SELECT count(*) > 0 AS has_just_in_case_products,
    FROM intermediate.int_items__classified
    WHERE source = 'patient' AND product_class = 'just_in_case'
),

months AS (
    SELECT
        spine.patient_key,
        spine.month_index,
        coalesce(dispensed.just_in_case_drugs >= $people_palliative_just_in_case_drugs, FALSE) AS has_just_in_case,
        coalesce(dispensed.has_parenteral_opioid, FALSE) AS has_parenteral_opioid,
        coalesce(dispensed.has_parenteral_strong_opioid, FALSE) AS has_parenteral_strong_opioid,
    FROM intermediate.int_patient_months__spine AS spine
    LEFT JOIN intermediate.int_patient_months__dispensed AS dispensed USING (patient_key, month_index)
),

neighbours AS (
    SELECT
        patient_key,
        month_index,
        has_parenteral_strong_opioid,
        has_just_in_case AND coalesce(bool_or(has_parenteral_opioid) OVER this_and_before, FALSE) AS has_sign_here,
        has_parenteral_opioid AND coalesce(bool_or(has_just_in_case) OVER just_before, FALSE) AS completes_sign_before,
    FROM months
    WINDOW
        this_and_before AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 1 PRECEDING AND CURRENT ROW),
        just_before AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING)
),

looked_back AS (
    SELECT
        patient_key,
        month_index,
        bool_or(has_sign_here) OVER last_6 OR bool_or(completes_sign_before) OVER last_5 AS is_strong,
        bool_or(has_parenteral_strong_opioid) OVER last_6 AS is_moderate,
    FROM neighbours
    WINDOW
        last_6 AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 5 PRECEDING AND CURRENT ROW),
        last_5 AS (PARTITION BY patient_key ORDER BY month_index RANGE BETWEEN 4 PRECEDING AND CURRENT ROW)
)

SELECT
    looked_back.patient_key,
    looked_back.month_index,
    CASE
        WHEN NOT extract.has_just_in_case_products THEN NULL
        WHEN looked_back.is_strong THEN 'strong'
        WHEN looked_back.is_moderate THEN 'moderate'
        WHEN NOT looked_back.is_strong AND NOT looked_back.is_moderate THEN 'none'
    END AS palliative_proxy,
FROM looked_back
CROSS JOIN extract
