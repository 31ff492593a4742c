-- In which of the last twelve months people were in a cohort of the default aim, organisation by organisation.
--
-- Grain: one row per level above practice, organisation, measure and pattern of months.
-- Key: org_level, org_code, measure, pattern
--
-- The newest month that is not provisional is bit 0 of the pattern, the month before it bit 1, and so on. A forecast
-- draws people anew with all their months.
WITH months AS (
    SELECT
        month,
        row_number() OVER (ORDER BY month DESC) - 1 AS months_ago,
    FROM intermediate.int_months__patient
    WHERE is_loaded AND NOT is_provisional
),

weights AS (
    SELECT
        month,
        CAST(round(pow(2, months_ago)) AS BIGINT) AS weight,
    FROM months
    WHERE months_ago < 12
),

measures AS (
    SELECT
        measures.measure,
        measures.cohort,
        measures.measure <> measures.cohort AS is_twin,
    FROM reference.aim_measures AS aims
    INNER JOIN reference.measures AS measures USING (measure)
    WHERE aims.aim = $default_aim AND aims.is_aimed AND measures.unit = 'people'
),

people AS (
    SELECT
        levels.org_level,
        levels.org_code,
        measures.measure,
        members.patient_number,
        CAST(sum(weights.weight) AS BIGINT) AS pattern,
    FROM intermediate.int_patient_months__memberships AS members
    INNER JOIN weights USING (month)
    INNER JOIN measures ON members.cohort = measures.cohort AND (members.is_without OR NOT measures.is_twin)
    INNER JOIN intermediate.int_organisations__levels AS levels
        ON members.practice_code = levels.practice_code AND levels.org_level <> 'practice'
    GROUP BY ALL
)

SELECT
    org_level,
    org_code,
    measure,
    pattern,
    count(*) AS people,
FROM people
GROUP BY ALL
