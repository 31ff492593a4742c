-- The baseline of each measure under the default aim.
--
-- Grain: one row per measure that has a baseline in the loaded months.
-- Key: measure
--
-- Given months come from the aim. Otherwise it is the first month with a full 6-month window in which the measure can be
-- judged (EPD: the first month loaded), and never a provisional month. A measure is given some months to settle after it
-- first exists: runs that began before the data fill up only then, and a baseline too low would make a false rise.
WITH months AS (
    SELECT
        'patient' AS source,
        month,
        data_month_number,
    FROM intermediate.int_months__patient
    WHERE is_loaded AND NOT is_provisional

    UNION ALL

    SELECT DISTINCT
        'epd' AS source,
        month,
        CAST($first_month_of_data_full_6m_window AS INTEGER) AS data_month_number,
    FROM intermediate.int_register__file_months
    WHERE source = 'epd' AND is_current AND month IS NOT NULL AND rows_read > rows_quarantined
),

eligible AS (
    SELECT
        measures.measure,
        months.month,
    FROM reference.measures AS measures
    INNER JOIN months
        ON measures.source = months.source
        AND months.data_month_number >= measures.first_month_of_data
    WHERE
        (
            $aim_baseline_first IS NULL
            AND months.data_month_number >= greatest(
                $first_month_of_data_full_6m_window,
                CASE WHEN measures.first_month_of_data > 1 THEN measures.first_month_of_data + $aim_settle_months ELSE 1 END
            )
        )
        OR months.month BETWEEN CAST($aim_baseline_first AS DATE) AND CAST($aim_baseline_last AS DATE)
)

SELECT
    measure,
    min(month) AS baseline_first_month,
    CASE WHEN $aim_baseline_first IS NULL THEN min(month) ELSE max(month) END AS baseline_last_month,
FROM eligible
GROUP BY measure
