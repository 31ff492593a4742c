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

item_counts AS (
    SELECT
        practice_code,
        month,
        measure,
        numerator,
        long_acting_items,
        people,
    FROM intermediate.int_practice_months__items
),

counted AS (
    SELECT
        levels.org_level,
        levels.org_code,
        counts.month,
        counts.measure,
        sum(counts.numerator) AS numerator,
        CAST(sum(counts.long_acting_items) AS BIGINT) AS long_acting_items,
        CAST(sum(counts.people) AS BIGINT) AS people,
    FROM (
        SELECT
            practice_code,
            month,
            measure,
            CAST(numerator AS DECIMAL(24, 4)) AS numerator,
            0 AS long_acting_items,
            people,
        FROM cohort_counts

        UNION ALL

        SELECT
            practice_code,
            month,
            measure,
            numerator,
            long_acting_items,
            people,
        FROM item_counts
    ) AS counts
    INNER JOIN levels USING (practice_code)
    GROUP BY ALL

    UNION ALL

    SELECT
        org_level,
        org_code,
        month,
        measure,
        CAST(people AS DECIMAL(24, 4)) AS numerator,
        0 AS long_acting_items,
        people,
    FROM intermediate.int_trends__flows
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
        coalesce(lag(is_loaded) OVER (ORDER BY month_index), FALSE) AS follows_loaded_month,
        is_loaded,
        is_provisional,
    FROM intermediate.int_months__patient

    UNION ALL

    SELECT DISTINCT
        'epd' AS source,
        month,
        1 AS data_month_number,
        FALSE AS follows_loaded_month,
        TRUE AS is_loaded,
        FALSE AS is_provisional,
    FROM intermediate.int_register__file_months
    WHERE source = 'epd' AND is_current AND month IS NOT NULL AND rows_read > rows_quarantined
),

missing AS (
    SELECT
        measures.measure,
        months.month,
        CASE
            WHEN months.data_month_number < measures.first_month_of_data THEN 'history_too_short'
            WHEN measures.flow IS NOT NULL AND NOT months.follows_loaded_month THEN 'month_before_not_loaded'
        END AS missing_reason,
    FROM reference.measures AS measures
    INNER JOIN months USING (source)
    WHERE months.is_loaded
),

captured AS (
    SELECT
        'patient' AS source,
        levels.org_level,
        levels.org_code,
        capture.month,
        CAST(sum(capture.identified_items) AS BIGINT) AS identified_items,
        CAST(sum(capture.items) AS BIGINT) AS items,
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
    CROSS JOIN (SELECT DISTINCT month FROM months WHERE is_loaded) AS months
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
    measures.cohort,
    measures.flow,
    measures.source,
    measures.unit,
    measures.direction,
    measures.is_dose_cohort,
    measures.is_independent,
    measures.denominator AS denominator_kind,
    months.data_month_number,
    months.is_provisional AS provisional,
    CASE
        WHEN missing.missing_reason IS NOT NULL THEN NULL
        WHEN measures.unit = 'nic_gbp' AND counted.org_code IS NOT NULL THEN counted.numerator
        ELSE coalesce(counted.numerator, 0)
    END AS numerator,
    coalesce(counted.people, 0) AS people,
    missing.missing_reason,
    denominators.registered_patients,
    denominators.oldest_list_month,
    denominators.gp_practices_without_list,
    coalesce(counted.long_acting_items, 0) AS long_acting_items,
    captured.identified_items,
    captured.items AS opioid_items,
FROM organisations
CROSS JOIN reference.measures AS measures
INNER JOIN months ON measures.source = months.source AND months.is_loaded
INNER JOIN missing ON measures.measure = missing.measure AND months.month = missing.month
LEFT JOIN counted
    ON organisations.org_level = counted.org_level
    AND organisations.org_code = counted.org_code
    AND months.month = counted.month
    AND measures.measure = counted.measure
LEFT JOIN denominators
    ON organisations.org_level = denominators.org_level
    AND organisations.org_code = denominators.org_code
    AND months.month = denominators.month
LEFT JOIN captured
    ON measures.source = captured.source
    AND organisations.org_level = captured.org_level
    AND organisations.org_code = captured.org_code
    AND months.month = captured.month
