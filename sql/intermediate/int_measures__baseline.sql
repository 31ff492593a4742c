-- The baseline of each measure under each aim.
--
-- Grain: one row per aim and measure that has a baseline in the loaded months.
-- Key: aim, measure
--
-- Given months come from the aim. Otherwise it is the first month with a full 6-month window in which the measure can be
-- judged (EPD: the first month loaded), and never a provisional month. A measure is given some months to settle after it
-- first exists: runs that began before the data fill up only then, and a baseline too low would make a false rise.
-- Flows have none: they are judged by process control.
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
        aims.aim,
        aims.measure,
        aims.baseline_first,
        months.month,
    FROM reference.aim_measures AS aims
    INNER JOIN reference.measures AS measures USING (measure)
    INNER JOIN months
        ON measures.source = months.source
        AND months.data_month_number >= measures.first_month_of_data
    WHERE
        (
            aims.baseline_first IS NULL
            AND months.data_month_number >= greatest(
                $first_month_of_data_full_6m_window,
                CASE WHEN measures.first_month_of_data > 1 THEN measures.first_month_of_data + aims.settle_months ELSE 1 END
            )
        )
        OR months.month BETWEEN aims.baseline_first AND aims.baseline_last
)

SELECT
    aim,
    measure,
    min(month) AS baseline_first_month,
    CASE WHEN min(baseline_first) IS NULL THEN min(month) ELSE max(month) END AS baseline_last_month,
FROM eligible
GROUP BY aim, measure
