-- Which supplied items fall into each dose window of a patient-month.
--
-- Grain: one row per patient, month, window with an item whose supply is known, and item of the window.
-- Key: patient_key, month_index, window_months, item_id
--
-- The items are those of the dose window of marts.patient_month: claimed in its months, within the episode. An item brings
-- its whole OME and all its days, also those that run beyond the window; nothing is carried in from before it.
WITH patients AS (
    SELECT DISTINCT patient_key,
    FROM intermediate.int_dose_definitions__supplies
),

windows AS (
    SELECT
        flagged.patient_key,
        flagged.month_index,
        flagged.month,
        lengths.window_months,
        greatest(flagged.month_index - lengths.window_months + 1, coalesce(flagged.episode_month_index, 0))
            AS first_month_index,
    FROM intermediate.int_patient_months__flagged AS flagged
    INNER JOIN patients USING (patient_key)
    CROSS JOIN (VALUES (1), (3), (6), (12)) AS lengths (window_months)
)

SELECT
    windows.patient_key,
    windows.month_index,
    windows.month,
    windows.window_months,
    supplies.item_id,
    supplies.ome_mg,
    supplies.is_converted,
    supplies.is_unconverted,
    supplies.days_supply,
    supplies.first_day,
    supplies.last_day,
    supplies.ome_mg_per_day_supplied,
    -- Days that no earlier item of the window has covered.
    greatest(
        supplies.last_day - greatest(
            supplies.first_day - 1,
            coalesce(
                max(supplies.last_day) OVER (
                    PARTITION BY windows.patient_key, windows.month_index, windows.window_months
                    ORDER BY supplies.first_day, supplies.last_day, supplies.item_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                supplies.first_day - 1
            )
        ),
        0
    ) AS days_added,
FROM windows
INNER JOIN intermediate.int_dose_definitions__supplies AS supplies
    ON windows.patient_key = supplies.patient_key
    AND supplies.month_index BETWEEN windows.first_month_index AND windows.month_index
QUALIFY bool_or(supplies.days_supply IS NOT NULL) OVER (
    PARTITION BY windows.patient_key, windows.month_index, windows.window_months
)
