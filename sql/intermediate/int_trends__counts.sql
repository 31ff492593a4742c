-- Numerator and denominator of every measure, for every organisation and month: dense, zero rows kept.
--
-- Grain: one row per level, organisation, month and measure.
-- Key: org_level, org_code, month, measure
--
-- A count of people is NULL in the months before its rule can be judged. people is how many patients stand behind a sum
-- of items, milligrams or pounds: disclosure control needs it. Patients' items and EPD are never added together.
WITH levels AS (
    SELECT
        practice_code,
        org_level,
        org_code,
    FROM intermediate.int_organisations__levels
),

cohort_counts AS (
    SELECT
        practice_code,
        month,
        measure,
        patients AS numerator,
        patients AS people,
    FROM intermediate.int_practice_months__cohorts
),

item_sums AS (
    SELECT
        coalesce(practice_code, '-') AS practice_code,
        month,
        source,
        coalesce(sum(ome_mg), 0) AS ome_mg,
        sum(items) AS items,
        sum(nic_gbp) AS nic_gbp,
        count(DISTINCT patient_key) AS people,
    FROM intermediate.int_items__ome
    GROUP BY ALL
),

item_counts AS (
    SELECT
        item_sums.practice_code,
        item_sums.month,
        measures.measure,
        CASE measures.unit
            WHEN 'ome_mg' THEN item_sums.ome_mg
            WHEN 'items' THEN item_sums.items
            WHEN 'nic_gbp' THEN item_sums.nic_gbp
        END AS numerator,
        item_sums.people,
    FROM item_sums
    INNER JOIN reference.measures AS measures
        ON item_sums.source = measures.source AND measures.unit IN ('ome_mg', 'items', 'nic_gbp')
),

counted AS (
    SELECT
        levels.org_level,
        levels.org_code,
        counts.month,
        counts.measure,
        sum(counts.numerator) AS numerator,
        sum(counts.people) AS people,
    FROM (
        SELECT practice_code, month, measure, CAST(numerator AS DECIMAL(24, 4)) AS numerator, people FROM cohort_counts
        UNION ALL
        SELECT practice_code, month, measure, CAST(numerator AS DECIMAL(24, 4)) AS numerator, people FROM item_counts
    ) AS counts
    INNER JOIN levels USING (practice_code)
    GROUP BY ALL
),

organisations AS (
    SELECT DISTINCT
        org_level,
        org_code,
    FROM levels
),

months AS (
    SELECT
        'patient' AS source,
        month,
        data_month_number,
        is_provisional,
    FROM intermediate.int_months__patient
    WHERE is_loaded

    UNION ALL

    SELECT DISTINCT
        'epd' AS source,
        month,
        1 AS data_month_number,
        FALSE AS is_provisional,
    FROM intermediate.int_register__file_months
    WHERE source = 'epd' AND is_current AND month IS NOT NULL AND rows_read > rows_quarantined
),

captured AS (
    SELECT
        'patient' AS source,
        levels.org_level,
        levels.org_code,
        capture.month,
        sum(capture.identified_items) AS identified_items,
        sum(capture.items) AS items,
    FROM intermediate.int_items__capture AS capture
    INNER JOIN levels USING (practice_code)
    GROUP BY ALL
),

denominators AS (
    SELECT
        levels.org_level,
        levels.org_code,
        months.month,
        CAST(sum(lists.registered_patients) AS BIGINT) AS registered_patients,
        min(lists.list_month) AS oldest_list_month,
        count(*) FILTER (practices.is_gp_practice AND lists.practice_code IS NULL) AS gp_practices_without_list,
    FROM levels
    CROSS JOIN (SELECT DISTINCT month FROM months) AS months
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    LEFT JOIN intermediate.int_list_sizes__monthly AS lists
        ON levels.practice_code = lists.practice_code
        AND months.month >= lists.list_month AND months.month < lists.next_list_month
    GROUP BY ALL
)

SELECT
    organisations.org_level,
    organisations.org_code,
    months.month,
    measures.measure,
    measures.source,
    measures.unit,
    months.data_month_number,
    months.is_provisional AS provisional,
    CASE
        WHEN months.data_month_number < measures.first_month_of_data THEN NULL
        WHEN measures.unit = 'nic_gbp' AND counted.org_code IS NOT NULL THEN counted.numerator
        ELSE coalesce(counted.numerator, 0)
    END AS numerator,
    coalesce(counted.people, 0) AS people,
    months.data_month_number < measures.first_month_of_data AS history_too_short,
    denominators.registered_patients,
    denominators.oldest_list_month,
    denominators.gp_practices_without_list,
    overlap.people_in_both,
    captured.identified_items,
    captured.items AS opioid_items,
    baselines.baseline_first_month,
    baselines.baseline_last_month,
FROM organisations
CROSS JOIN reference.measures AS measures
INNER JOIN months USING (source)
LEFT JOIN counted USING (org_level, org_code, month, measure)
LEFT JOIN denominators USING (org_level, org_code, month)
LEFT JOIN captured USING (source, org_level, org_code, month)
LEFT JOIN intermediate.int_trends__overlap AS overlap USING (org_level, org_code, month, measure)
LEFT JOIN intermediate.int_measures__baseline AS baselines USING (measure)
