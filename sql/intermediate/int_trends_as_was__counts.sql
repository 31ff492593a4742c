-- The columns of int_trends__counts above practice, on the boundaries of the month, and those of "all".
--
-- Grain: one row per level above practice, organisation, month in which it had a practice, and measure.
-- Key: org_level, org_code, month, measure
--
-- Sums of the practices' rows; only who joined and left is counted anew, since movers inside an organisation do neither.
WITH summed AS (
    SELECT
        levels.org_level,
        levels.org_code,
        counts.month,
        counts.measure,
        counts.cohort,
        counts.flow,
        counts.source,
        counts.unit,
        counts.direction,
        counts.is_dose_cohort,
        counts.is_independent,
        counts.denominator_kind,
        counts.data_month_number,
        counts.provisional,
        counts.missing_reason,
        sum(counts.numerator) AS numerator,
        bool_or(counts.numerator IS NULL) AS is_in_part_unknown,
        sum(counts.people) AS people,
        sum(counts.registered_patients) AS registered_patients,
        min(counts.oldest_list_month) AS oldest_list_month,
        sum(counts.gp_practices_without_list) AS gp_practices_without_list,
        sum(counts.long_acting_items) AS long_acting_items,
        CAST(sum(counts.identified_items) AS BIGINT) AS identified_items,
        CAST(sum(counts.opioid_items) AS BIGINT) AS opioid_items,
    FROM intermediate.int_trends__counts AS counts
    INNER JOIN intermediate.int_organisations__levels_as_was AS levels
        ON counts.org_level = 'practice' AND counts.org_code = levels.practice_code AND counts.month = levels.month
    GROUP BY ALL
)

SELECT
    summed.org_level,
    summed.org_code,
    summed.month,
    summed.measure,
    summed.cohort,
    summed.flow,
    summed.source,
    summed.unit,
    summed.direction,
    summed.is_dose_cohort,
    summed.is_independent,
    summed.denominator_kind,
    summed.data_month_number,
    summed.provisional,
    CASE
        WHEN summed.missing_reason IS NOT NULL THEN NULL
        WHEN summed.flow IS NOT NULL THEN CAST(coalesce(flows.people, 0) AS DECIMAL(38, 4))
        WHEN summed.is_in_part_unknown THEN nullif(summed.numerator, 0)
        ELSE summed.numerator
    END AS numerator,
    CAST(CASE WHEN summed.flow IS NOT NULL THEN coalesce(flows.people, 0) ELSE summed.people END AS BIGINT) AS people,
    summed.missing_reason,
    CAST(summed.registered_patients AS BIGINT) AS registered_patients,
    summed.oldest_list_month,
    CAST(summed.gp_practices_without_list AS BIGINT) AS gp_practices_without_list,
    CAST(summed.long_acting_items AS BIGINT) AS long_acting_items,
    summed.identified_items,
    summed.opioid_items,
FROM summed
LEFT JOIN intermediate.int_trends_as_was__flows AS flows
    ON summed.org_level = flows.org_level
    AND summed.org_code = flows.org_code
    AND summed.month = flows.month
    AND summed.measure = flows.measure

UNION ALL

SELECT
    org_level,
    org_code,
    month,
    measure,
    cohort,
    flow,
    source,
    unit,
    direction,
    is_dose_cohort,
    is_independent,
    denominator_kind,
    data_month_number,
    provisional,
    numerator,
    people,
    missing_reason,
    registered_patients,
    oldest_list_month,
    gp_practices_without_list,
    long_acting_items,
    identified_items,
    opioid_items,
FROM intermediate.int_trends__counts
WHERE org_level = 'all'
