-- To which episode and to which run an opioid month belongs.
--
-- Grain: one row per patient and opioid month.
-- Key: patient_number, month_index
--
-- An episode begins after six opioid-free months and limits how far a dose window reaches back. A run breaks after one
-- empty month too many (two after a month that brought a long script) and is what "long term" is measured on. Months
-- missing from the data are not empty: gaps are counted in loaded months, spans in calendar months.
WITH opioid_months AS (
    SELECT
        dispensed.patient_number,
        dispensed.month_index,
        months.data_month_number,
        dispensed.ome_mg_counted,
        CASE
            WHEN dispensed.has_long_script THEN $long_term_max_empty_months_long_script
            WHEN NOT dispensed.has_long_script THEN $long_term_max_empty_months
        END AS allowed_empty_months,
    FROM intermediate.int_patient_months__dispensed AS dispensed
    INNER JOIN intermediate.int_months__patient AS months USING (month_index)
    WHERE dispensed.is_opioid_month
),

gaps AS (
    SELECT
        patient_number,
        month_index,
        data_month_number,
        allowed_empty_months,
        data_month_number - lag(data_month_number) OVER by_month - 1 AS empty_months_before,
        lag(allowed_empty_months) OVER by_month AS allowed_empty_months_before,
        CAST(sum(ome_mg_counted) OVER by_month - ome_mg_counted AS DECIMAL(18, 4)) AS ome_mg_before,
    FROM opioid_months
    WINDOW by_month AS (PARTITION BY patient_number ORDER BY month_index)
),

starts AS (
    SELECT
        patient_number,
        month_index,
        allowed_empty_months,
        empty_months_before,
        ome_mg_before,
        coalesce(empty_months_before >= $high_dose_episode_opioid_free_months, TRUE) AS is_episode_start,
        coalesce(empty_months_before > allowed_empty_months_before, TRUE) AS is_run_start,
    FROM gaps
)

-- Each of the carried figures only grows with time, so the largest so far is that of the latest start.
SELECT
    patient_number,
    month_index,
    allowed_empty_months,
    empty_months_before,
    max(CASE WHEN is_episode_start THEN month_index END) OVER so_far AS episode_month_index,
    max(CASE WHEN is_episode_start THEN ome_mg_before END) OVER so_far AS ome_mg_before_episode,
    max(CASE WHEN is_run_start THEN month_index END) OVER so_far AS run_month_index,
FROM starts
WINDOW so_far AS (PARTITION BY patient_number ORDER BY month_index ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
