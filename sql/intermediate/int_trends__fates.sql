-- What became of the people who were in a cohort at its baseline, and where today's people were then.
--
-- Grain: one row per measure, month, practice at the baseline, practice now and fate.
-- Key: measure, month, baseline_practice_code, practice_code, fate
--
-- Under the default aim, for cohorts with flows, and baselines of a single month. Fates: member (in the cohort in that
-- month), excluded_or_redefined (in the cohort, no longer counted in the twin), on_opioid and no_opioid (out of the
-- cohort; an opioid item or none within three months), not_seen (no item of any class for three months). Practice "-" is
-- in no practice. baseline_practice_code is NULL for who was not counted at the baseline, practice_code for who is not
-- seen.
WITH baselines AS (
    SELECT
        baselines.measure,
        measures.cohort,
        measures.measure <> measures.cohort AS is_twin,
        baselines.baseline_first_month AS baseline_month,
    FROM intermediate.int_measures__baseline AS baselines
    INNER JOIN reference.measures AS measures USING (measure)
    WHERE
        baselines.aim = $default_aim
        AND baselines.baseline_first_month = baselines.baseline_last_month
        AND measures.cohort IN (SELECT cohort FROM reference.measures WHERE flow IS NOT NULL)
),

months AS (
    SELECT
        month,
        month_index,
    FROM intermediate.int_months__patient
    WHERE is_loaded
),

then_counted AS (
    SELECT
        baselines.measure,
        baselines.cohort,
        baselines.is_twin,
        baselines.baseline_month,
        members.patient_number,
        members.practice_code,
    FROM intermediate.int_patient_months__memberships AS members
    INNER JOIN baselines
        ON members.cohort = baselines.cohort
        AND members.month = baselines.baseline_month
        AND (members.is_without OR NOT baselines.is_twin)
),

still_in_cohort AS (
    SELECT
        then_counted.measure,
        then_counted.patient_number,
        members.month,
        then_counted.practice_code AS baseline_practice_code,
        members.practice_code,
        CASE
            WHEN members.is_without OR NOT then_counted.is_twin THEN 'member'
            WHEN NOT members.is_without THEN 'excluded_or_redefined'
        END AS fate,
    FROM intermediate.int_patient_months__memberships AS members
    INNER JOIN then_counted
        ON members.patient_number = then_counted.patient_number
        AND members.cohort = then_counted.cohort
        AND members.month >= then_counted.baseline_month
),

-- From the table, not from int_patient_months__flagged: the joins of that view would have to stand in memory beside these.
people AS (
    SELECT
        judged.patient_number,
        months.month,
        coalesce(judged.practice_code, '-') AS practice_code,
        judged.opioid_months_3m > 0 AS is_on_opioid,
        judged.last_item_month_index > months.month_index - 3 AS is_seen,
    FROM intermediate.int_patient_months__judged AS judged
    INNER JOIN months USING (month_index)
),

out_of_cohort AS (
    SELECT
        then_counted.measure,
        people.month,
        then_counted.practice_code AS baseline_practice_code,
        CASE WHEN people.is_seen THEN people.practice_code END AS practice_code,
        CASE
            WHEN NOT people.is_seen THEN 'not_seen'
            WHEN people.is_on_opioid THEN 'on_opioid'
            WHEN NOT people.is_on_opioid THEN 'no_opioid'
        END AS fate,
    FROM people
    INNER JOIN then_counted
        ON people.patient_number = then_counted.patient_number AND people.month >= then_counted.baseline_month
    ANTI JOIN still_in_cohort
        ON then_counted.measure = still_in_cohort.measure
        AND people.patient_number = still_in_cohort.patient_number
        AND people.month = still_in_cohort.month
),

found AS (
    SELECT
        measure,
        month,
        baseline_practice_code,
        practice_code,
        fate,
        count(*) AS people,
    FROM (
        SELECT
            measure,
            month,
            baseline_practice_code,
            practice_code,
            fate,
        FROM still_in_cohort

        UNION ALL

        SELECT
            measure,
            month,
            baseline_practice_code,
            practice_code,
            fate,
        FROM out_of_cohort
    ) AS each
    GROUP BY ALL
),

then_people AS (
    SELECT
        then_counted.measure,
        months.month,
        then_counted.practice_code AS baseline_practice_code,
        then_counted.people,
    FROM (
        SELECT
            measure,
            baseline_month,
            practice_code,
            count(*) AS people,
        FROM then_counted
        GROUP BY ALL
    ) AS then_counted
    INNER JOIN months ON then_counted.baseline_month <= months.month
),

-- Who has no row in a month had no item for half a year.
without_row AS (
    SELECT
        then_people.measure,
        then_people.month,
        then_people.baseline_practice_code,
        then_people.people - coalesce(sum(found.people), 0) AS people,
    FROM then_people
    LEFT JOIN found USING (measure, month, baseline_practice_code)
    GROUP BY then_people.measure, then_people.month, then_people.baseline_practice_code, then_people.people
),

joined AS (
    SELECT
        baselines.measure,
        members.month,
        members.practice_code,
        count(*) AS people,
    FROM intermediate.int_patient_months__memberships AS members
    INNER JOIN baselines
        ON members.cohort = baselines.cohort
        AND members.month >= baselines.baseline_month
        AND (members.is_without OR NOT baselines.is_twin)
    ANTI JOIN then_counted
        ON baselines.measure = then_counted.measure AND members.patient_number = then_counted.patient_number
    GROUP BY ALL
)

SELECT
    measure,
    month,
    baseline_practice_code,
    practice_code,
    fate,
    CAST(sum(people) AS BIGINT) AS people,
FROM (
    SELECT
        measure,
        month,
        baseline_practice_code,
        practice_code,
        fate,
        people,
    FROM found

    UNION ALL

    SELECT
        measure,
        month,
        baseline_practice_code,
        NULL AS practice_code,
        'not_seen' AS fate,
        people,
    FROM without_row
    WHERE people > 0

    UNION ALL

    SELECT
        measure,
        month,
        NULL AS baseline_practice_code,
        practice_code,
        'member' AS fate,
        people,
    FROM joined
) AS fates
GROUP BY ALL
