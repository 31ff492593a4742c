-- What the last months hold that few patients have: injected doses, and what makes a dose doubtful.
--
-- Grain: one row per patient and month in whose last six months (it included) there was such a sign.
-- Key: patient_number, month_index
--
-- Each month with a sign stands for itself and the five that follow; most patients have none, so this stays small.
WITH months AS (
    SELECT
        patient_number,
        month_index,
        ome_mg_parenteral,
        ome_mg_ir_fentanyl,
        has_unconverted_item,
        has_methadone,
        has_ir_fentanyl,
        has_implausible_quantity,
        has_patch_wear_assumed,
        has_dependence_treatment,
    FROM intermediate.int_patient_months__rare
)

SELECT
    months.patient_number,
    months.month_index + ahead.months AS month_index,
    CAST(coalesce(sum(months.ome_mg_parenteral) FILTER (ahead.months < 3), 0) AS DECIMAL(18, 4)) AS ome_mg_parenteral_3m,
    CAST(coalesce(sum(months.ome_mg_ir_fentanyl) FILTER (ahead.months < 3), 0) AS DECIMAL(18, 4)) AS ome_mg_ir_fentanyl_3m,
    bool_or(months.has_unconverted_item AND ahead.months < 3) AS has_unconverted_item_3m,
    bool_or(months.has_methadone AND ahead.months < 3) AS has_methadone_3m,
    bool_or(months.has_ir_fentanyl AND ahead.months < 3) AS has_ir_fentanyl_3m,
    bool_or(months.has_implausible_quantity AND ahead.months < 3) AS has_implausible_quantity_3m,
    bool_or(months.has_patch_wear_assumed AND ahead.months < 3) AS has_patch_wear_assumed_3m,
    bool_or(months.has_dependence_treatment) AS has_dependence_treatment_6m,
FROM months
CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5)) AS ahead (months)
GROUP BY ALL
