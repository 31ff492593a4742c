-- What the cover of a list says of the data: its month, definitions, capture, doses unknown, and what it cannot see.
--
-- An empty list tells no month: then it is the default one, the newest that is not provisional.
WITH as_at AS (
    SELECT
        coalesce(
            (SELECT max(as_at_month) FROM marts.case_list),
            (
                SELECT coalesce(max(month) FILTER (NOT provisional), max(month))
                FROM marts.trends
                WHERE org_level = 'all' AND measure = 'any_opioid'
            )
        ) AS month,
),

overall AS (
    SELECT
        bool_or(trends.provisional) AS is_provisional,
        max(trends.definition) AS definition,
    FROM marts.trends AS trends
    INNER JOIN as_at USING (month)
    WHERE trends.org_level = 'all' AND trends.measure = 'any_opioid'
),

here AS (
    SELECT max(trends.capture_rate) AS capture_rate,
    FROM marts.trends AS trends
    INNER JOIN as_at USING (month)
    WHERE trends.org_level = $org_level AND trends.org_code = $org_code AND trends.measure = 'any_opioid'
),

people AS (
    SELECT
        count(months.palliative_proxy) > 0 AS can_see_palliative_signs,
        max(months.null_reason) AS null_reason,
    FROM marts.patient_month AS months
    INNER JOIN as_at USING (month)
)

SELECT
    as_at.month AS as_at_month,
    overall.is_provisional,
    overall.definition,
    here.capture_rate,
    people.can_see_palliative_signs,
    people.null_reason,
    (SELECT count(*) FROM marts.case_list WHERE practice_code IS NULL) AS people_in_no_practice,
    (
        SELECT CAST(coalesce(sum(items), 0) AS BIGINT)
        FROM marts.unconverted_items
        WHERE counts_towards_gate AND source = 'patient'
    ) AS unconverted_items,
FROM as_at
CROSS JOIN overall
CROSS JOIN here
CROSS JOIN people
