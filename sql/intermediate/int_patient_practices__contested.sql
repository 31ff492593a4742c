-- Which GP practice a month's own items point to, where more than one prescribed.
--
-- Grain: one row per patient and month in which more than one GP practice prescribed.
-- Key: patient_number, month_index
--
-- Most opioid OME, then most opioid items, then the lowest code; for any class most items, then the lowest code. Where a
-- cost centre cannot be told to be a GP practice or not (no reference loaded), it may stand for one.
WITH by_practice AS (
    SELECT
        items.patient_number,
        items.month_index,
        items.practice_code,
        coalesce(sum(items.ome_mg), 0) AS ome_mg,
        sum(CASE WHEN items.is_opioid_item THEN items.items ELSE 0 END) AS opioid_items,
        sum(items.items) AS items,
        bool_or(items.is_opioid_item) AS has_opioid,
    FROM intermediate.int_patient_items__followed AS items
    INNER JOIN intermediate.int_patient_months__dispensed AS dispensed USING (patient_number, month_index)
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    WHERE
        dispensed.is_contested AND items.is_item
        AND items.practice_code IS NOT NULL AND coalesce(practices.is_gp_practice, TRUE)
    GROUP BY items.patient_number, items.month_index, items.practice_code
),

opioid_practices AS (
    SELECT
        patient_number,
        month_index,
        practice_code,
    FROM by_practice
    WHERE has_opioid
    QUALIFY row_number() OVER (
        PARTITION BY patient_number, month_index ORDER BY ome_mg DESC, opioid_items DESC, practice_code
    ) = 1
),

any_practices AS (
    SELECT
        patient_number,
        month_index,
        practice_code,
    FROM by_practice
    QUALIFY row_number() OVER (PARTITION BY patient_number, month_index ORDER BY items DESC, practice_code) = 1
)

SELECT
    patient_number,
    month_index,
    opioid_practices.practice_code AS opioid_practice_code,
    any_practices.practice_code AS any_practice_code,
FROM any_practices
LEFT JOIN opioid_practices USING (patient_number, month_index)
