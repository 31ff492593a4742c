-- Every landed item of both kinds of source, with the description of its code where the source brings none.
--
-- Grain: one row per item (patient source) or row (EPD).
-- Key: item_id
-- Kind: view
WITH presentations AS (
    SELECT
        bnf_code,
        max(bnf_description) AS bnf_description,
    FROM staging.stg_bnf__presentations
    GROUP BY bnf_code
),

items AS (
    SELECT
        'patient' AS source,
        item_id,
        month,
        practice_code,
        registered_practice_code,
        patient_key,
        age,
        sex,
        imd_decile,
        bnf_code,
        bnf_description,
        items,
        total_quantity,
        nic_gbp,
    FROM staging.stg_patient__items

    UNION ALL

    SELECT
        'epd' AS source,
        item_id,
        month,
        practice_code,
        CAST(NULL AS VARCHAR) AS registered_practice_code,
        CAST(NULL AS VARCHAR) AS patient_key,
        CAST(NULL AS INTEGER) AS age,
        CAST(NULL AS VARCHAR) AS sex,
        CAST(NULL AS INTEGER) AS imd_decile,
        bnf_code,
        bnf_description,
        items,
        total_quantity,
        nic_gbp,
    FROM staging.stg_epd__items
)

SELECT
    items.source,
    items.item_id,
    items.month,
    items.practice_code,
    items.registered_practice_code,
    items.patient_key,
    items.age,
    items.sex,
    items.imd_decile,
    items.bnf_code,
    CASE WHEN items.bnf_description = '' THEN coalesce(presentations.bnf_description, '') ELSE items.bnf_description END
        AS bnf_description,
    items.items,
    items.total_quantity,
    items.nic_gbp,
FROM items
LEFT JOIN presentations USING (bnf_code)
