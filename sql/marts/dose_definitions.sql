-- Dose per day by the three published definitions that need days' supply: only where a source brings it, else empty.
--
-- Grain: one row per patient, month, window and definition, where an item of the window has its days' supply.
-- Key: patient_key, month, window_months, definition
--
-- Beside the dose of the fixed window in marts.patient_month, of the same items (Dasgupta 2021): sum_days_supply is their OME
-- divided by the sum of the days supplied of the items whose OME it is; on_therapy_days by the calendar days covered by any
-- opioid item, days covered twice counted once; max_daily is the highest OME of one day, an item's OME spread evenly over
-- its days. Where an item lacks what a definition needs the dose is NULL and reason says so. dose_is_lower_bound: an item
-- could not be converted.
--
-- Columns:
--   days: What the OME is divided by: days supplied, or days covered. NULL: max_daily, or reason says why.
--   definition: sum_days_supply, on_therapy_days or max_daily.
--   ome_mg: mg OME dispensed in the window.
--   ome_mg_per_day: mg OME a day by this definition. NULL: reason says why.
--   reason: days_supply_missing, dates_missing or no_dose, with words. NULL: there is a dose.
--   window_months: 1, 3, 6 or 12: months of the window, the last being month.
WITH totals AS (
    SELECT
        patient_key,
        month_index,
        month,
        window_months,
        CAST(coalesce(sum(ome_mg), 0) AS DECIMAL(18, 4)) AS ome_mg,
        CAST(coalesce(sum(days_supply) FILTER (is_converted), 0) AS BIGINT) AS days_supplied,
        CAST(coalesce(sum(days_added), 0) AS BIGINT) AS days_on_therapy,
        bool_or(is_unconverted) AS dose_is_lower_bound,
        bool_or(is_converted AND days_supply IS NULL) AS lacks_days_of_dose,
        bool_or(is_converted AND last_day IS NULL) AS lacks_dates_of_dose,
        bool_or(last_day IS NULL) AS lacks_dates,
    FROM intermediate.int_dose_definitions__windows
    GROUP BY patient_key, month_index, month, window_months
),

-- The highest day is the first day of some item: only there can the sum rise.
days AS (
    SELECT
        starts.patient_key,
        starts.month_index,
        starts.window_months,
        starts.first_day,
        sum(covering.ome_mg_per_day_supplied) AS ome_mg,
    FROM (
        SELECT DISTINCT
            patient_key,
            month_index,
            window_months,
            first_day,
        FROM intermediate.int_dose_definitions__windows
        WHERE is_converted
    ) AS starts
    INNER JOIN intermediate.int_dose_definitions__windows AS covering
        ON starts.patient_key = covering.patient_key AND starts.month_index = covering.month_index
        AND starts.window_months = covering.window_months
        AND starts.first_day BETWEEN covering.first_day AND covering.last_day
    WHERE covering.is_converted
    GROUP BY starts.patient_key, starts.month_index, starts.window_months, starts.first_day
),

highest AS (
    SELECT
        patient_key,
        month_index,
        window_months,
        max(ome_mg) AS ome_mg,
    FROM days
    GROUP BY patient_key, month_index, window_months
),

judged AS (
    SELECT
        totals.patient_key,
        totals.month,
        totals.window_months,
        definitions.definition,
        totals.ome_mg,
        CASE definitions.definition
            WHEN 'sum_days_supply' THEN totals.days_supplied
            WHEN 'on_therapy_days' THEN totals.days_on_therapy
        END AS days,
        CASE WHEN definitions.definition = 'max_daily' THEN coalesce(highest.ome_mg, 0) END AS highest_ome_mg,
        totals.dose_is_lower_bound,
        CASE
            WHEN definitions.definition = 'sum_days_supply' AND totals.lacks_days_of_dose
                THEN 'days_supply_missing: of an item of the window'
            WHEN definitions.definition = 'on_therapy_days' AND totals.lacks_dates
                THEN 'dates_missing: dispensing date or days'' supply of an item of the window'
            WHEN definitions.definition = 'max_daily' AND totals.lacks_dates_of_dose
                THEN 'dates_missing: dispensing date or days'' supply of an item of the window'
            WHEN definitions.definition = 'sum_days_supply' AND totals.days_supplied = 0
                THEN 'no_dose: no item of the window has a dose'
        END AS reason,
    FROM totals
    CROSS JOIN (VALUES ('sum_days_supply'), ('on_therapy_days'), ('max_daily')) AS definitions (definition)
    LEFT JOIN highest USING (patient_key, month_index, window_months)
)

-- Rounded half up to four decimals.
SELECT
    patient_key,
    month,
    window_months,
    definition,
    ome_mg,
    CASE WHEN reason IS NULL THEN days END AS days,
    CASE
        WHEN reason IS NULL AND definition = 'max_daily' THEN CAST(highest_ome_mg AS DECIMAL(18, 4))
        WHEN reason IS NULL AND days > 0
            THEN CAST(
                CAST(floor((CAST(20000 * ome_mg AS DOUBLE) + days) / (2 * days)) AS DECIMAL(14, 0)) * 0.0001
                AS DECIMAL(18, 4)
            )
    END AS ome_mg_per_day,
    dose_is_lower_bound,
    reason,
FROM judged
