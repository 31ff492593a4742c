-- Who joined and who left a cohort, and who took it from one practice to another, month against the month before.
--
-- Grain: one row per cohort, month, practice before and practice now that differ.
-- Key: measure, month, practice_before, practice_now
--
-- Practice "-" is in no practice; NULL is not in the cohort. Nobody moves into a month whose month before is not loaded.
-- Only cohorts that have flows.
WITH members AS (
    SELECT
        members.patient_number,
        members.cohort,
        members.practice_code,
        months.month_index,
    FROM intermediate.int_patient_months__memberships AS members
    INNER JOIN intermediate.int_months__patient AS months USING (month)
    WHERE members.cohort IN (SELECT cohort FROM reference.measures WHERE flow IS NOT NULL)
),

neighbours AS (
    SELECT
        cohort,
        practice_code,
        month_index,
        lag(month_index) OVER by_month = month_index - 1 AS was_member,
        lag(practice_code) OVER by_month AS practice_before,
        lead(month_index) OVER by_month = month_index + 1 AS stays_member,
    FROM members
    WINDOW by_month AS (PARTITION BY patient_number, cohort ORDER BY month_index)
),

moves AS (
    SELECT
        cohort,
        month_index,
        CASE WHEN was_member THEN practice_before END AS practice_before,
        practice_code AS practice_now,
    FROM neighbours
    WHERE NOT coalesce(was_member, FALSE) OR practice_before <> practice_code

    UNION ALL

    SELECT
        cohort,
        month_index + 1 AS month_index,
        practice_code AS practice_before,
        NULL AS practice_now,
    FROM neighbours
    WHERE NOT coalesce(stays_member, FALSE)
)

SELECT
    moves.cohort AS measure,
    months.month,
    moves.practice_before,
    moves.practice_now,
    count(*) AS people,
FROM moves
INNER JOIN intermediate.int_months__patient AS months USING (month_index)
INNER JOIN intermediate.int_months__patient AS months_before ON moves.month_index = months_before.month_index + 1
WHERE months.is_loaded AND months_before.is_loaded
GROUP BY ALL
