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

members AS (
    SELECT
        memberships.patient_key,
        memberships.month,
        memberships.practice_code,
        memberships.is_without,
        memberships.cohort,
    FROM intermediate.int_patient_months__memberships AS memberships
    WHERE memberships.cohort IN (SELECT cohort FROM baselines)
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
        members.patient_key,
        members.practice_code,
    FROM baselines
    INNER JOIN members
        ON baselines.cohort = members.cohort
        AND baselines.baseline_month = members.month
        AND (members.is_without OR NOT baselines.is_twin)
),

people AS (
    SELECT
        flagged.patient_key,
        flagged.month,
        coalesce(flagged.practice_code, '-') AS practice_code,
        flagged.opioid_months_3m > 0 AS is_on_opioid,
        flagged.last_item_month_index > months.month_index - 3 AS is_seen,
    FROM intermediate.int_patient_months__flagged AS flagged
    INNER JOIN months USING (month)
    -- Of nobody else is it asked: without this the join would hold every person of every month.
    WHERE flagged.patient_key IN (SELECT patient_key FROM then_counted)
),

fates AS (
    SELECT
        then_counted.measure,
        months.month,
        then_counted.practice_code AS baseline_practice_code,
        CASE WHEN members.patient_key IS NOT NULL OR people.is_seen THEN coalesce(members.practice_code, people.practice_code) END
            AS practice_code,
        CASE
            WHEN members.is_without OR (members.patient_key IS NOT NULL AND NOT then_counted.is_twin) THEN 'member'
            WHEN members.patient_key IS NOT NULL THEN 'excluded_or_redefined'
            WHEN NOT coalesce(people.is_seen, FALSE) THEN 'not_seen'
            WHEN people.is_on_opioid THEN 'on_opioid'
            WHEN NOT people.is_on_opioid THEN 'no_opioid'
        END AS fate,
    FROM then_counted
    INNER JOIN months ON then_counted.baseline_month <= months.month
    LEFT JOIN members
        ON then_counted.patient_key = members.patient_key
        AND then_counted.cohort = members.cohort
        AND months.month = members.month
    LEFT JOIN people ON then_counted.patient_key = people.patient_key AND months.month = people.month

    UNION ALL

    SELECT
        baselines.measure,
        members.month,
        NULL AS baseline_practice_code,
        members.practice_code,
        'member' AS fate,
    FROM baselines
    INNER JOIN members
        ON baselines.cohort = members.cohort
        AND baselines.baseline_month <= members.month
        AND (members.is_without OR NOT baselines.is_twin)
    ANTI JOIN then_counted ON baselines.measure = then_counted.measure AND members.patient_key = then_counted.patient_key
)

SELECT
    measure,
    month,
    baseline_practice_code,
    practice_code,
    fate,
    count(*) AS people,
FROM fates
GROUP BY ALL
