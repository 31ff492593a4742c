-- Of what the change since the baseline is made: who stayed, who left and how, who joined.
--
-- Grain: one row per organisation, month from the baseline on, and measure; dense, zero rows kept.
-- Key: org_level, org_code, month, measure
--
-- baseline_people = stayed + lower_still_on_opioid + no_opioid_still_seen + moved_away + not_seen + excluded_or_redefined,
-- people = stayed + joined. Only lower_still_on_opioid and no_opioid_still_seen are fewer people in the cohort because of
-- care; who is not seen died, moved, is in hospital or stopped: the data cannot tell. On an opioid and seen: an item
-- within the last three months. moved_away is seen, and in another organisation (or none) of that level. Headline cohorts
-- of the default aim; a baseline that is a range of months has no set of people, and no rows.
--
-- Columns:
--   baseline_people: People of the cohort in baseline_month.
--   excluded_or_redefined: Of them, seen and in the organisation, but excluded by review or no longer counted by the
--     measure.
--   joined: People of the cohort now who were not in it, or not in this organisation, in baseline_month.
--   lower_still_on_opioid: Of the people of the baseline, no longer in the cohort, with an opioid in the last three
--     months.
--   measure: A headline cohort of the default aim, or its twin without under-18s, palliative care and exclusions.
--   moved_away: Of the people of the baseline, now in another organisation of that level, or in none.
--   no_opioid_still_seen: Of the people of the baseline, without an opioid for three months, with an item of another
--     class.
--   not_seen: Of the people of the baseline, without an item of any followed class for three months.
--   people: People of the cohort in month.
--   stayed: People of the cohort in both months, in this organisation.
WITH levels AS (
    SELECT
        practice_code,
        org_level,
        org_code,
    FROM intermediate.int_organisations__levels
),

parts AS (
    SELECT
        levels.org_level,
        levels.org_code,
        fates.month,
        fates.measure,
        CASE
            WHEN fates.fate = 'not_seen' THEN 'not_seen'
            WHEN now.org_code IS NULL OR now.org_code <> levels.org_code THEN 'moved_away'
            WHEN fates.fate IS NOT NULL THEN fates.fate
        END AS part,
        fates.people,
    FROM intermediate.int_trends__fates AS fates
    INNER JOIN levels ON fates.baseline_practice_code = levels.practice_code
    LEFT JOIN levels AS now ON fates.practice_code = now.practice_code AND levels.org_level = now.org_level

    UNION ALL

    SELECT
        levels.org_level,
        levels.org_code,
        fates.month,
        fates.measure,
        'joined' AS part,
        fates.people,
    FROM intermediate.int_trends__fates AS fates
    INNER JOIN levels ON fates.practice_code = levels.practice_code
    LEFT JOIN levels AS earlier
        ON fates.baseline_practice_code = earlier.practice_code AND levels.org_level = earlier.org_level
    WHERE fates.fate = 'member' AND coalesce(earlier.org_code <> levels.org_code, TRUE)
),

summed AS (
    SELECT
        org_level,
        org_code,
        month,
        measure,
        CAST(sum(CASE WHEN part = 'member' THEN people ELSE 0 END) AS BIGINT) AS stayed,
        CAST(sum(CASE WHEN part = 'on_opioid' THEN people ELSE 0 END) AS BIGINT) AS lower_still_on_opioid,
        CAST(sum(CASE WHEN part = 'no_opioid' THEN people ELSE 0 END) AS BIGINT) AS no_opioid_still_seen,
        CAST(sum(CASE WHEN part = 'moved_away' THEN people ELSE 0 END) AS BIGINT) AS moved_away,
        CAST(sum(CASE WHEN part = 'not_seen' THEN people ELSE 0 END) AS BIGINT) AS not_seen,
        CAST(sum(CASE WHEN part = 'excluded_or_redefined' THEN people ELSE 0 END) AS BIGINT) AS excluded_or_redefined,
        CAST(sum(CASE WHEN part = 'joined' THEN people ELSE 0 END) AS BIGINT) AS joined,
    FROM parts
    GROUP BY ALL
),

explained AS (
    SELECT DISTINCT measure,
    FROM intermediate.int_trends__fates
)

SELECT
    trends.org_level,
    trends.org_code,
    trends.org_name,
    trends.month,
    trends.measure,
    trends.baseline_month,
    CAST(trends.baseline_numerator AS BIGINT) AS baseline_people,
    coalesce(summed.stayed, 0) AS stayed,
    coalesce(summed.lower_still_on_opioid, 0) AS lower_still_on_opioid,
    coalesce(summed.no_opioid_still_seen, 0) AS no_opioid_still_seen,
    coalesce(summed.moved_away, 0) AS moved_away,
    coalesce(summed.not_seen, 0) AS not_seen,
    coalesce(summed.excluded_or_redefined, 0) AS excluded_or_redefined,
    coalesce(summed.joined, 0) AS joined,
    CAST(trends.numerator AS BIGINT) AS people,
    trends.provisional,
    trends.definition,
FROM marts.trends AS trends
INNER JOIN explained USING (measure)
LEFT JOIN summed
    ON trends.org_level = summed.org_level
    AND trends.org_code = summed.org_code
    AND trends.month = summed.month
    AND trends.measure = summed.measure
WHERE trends.months_since_baseline >= 0
