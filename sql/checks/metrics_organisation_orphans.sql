-- How much of what is counted lies in cost centres that could not be placed, or not without a doubt.
--
-- Grain: one row per what is counted: people on an opioid, patients' items, EPD items.
-- Key: counted
--
-- Of the twelve newest months of each. People are counted once a month. A place that is provisional because a reference is
-- old is said of the reference itself, and practices unknown or without an ICB by month (metrics_organisations).
-- practices_in_pcns is 0 where nothing tells of PCNs: that too is said of the reference.
WITH counted AS (
    SELECT
        'people' AS counted,
        practice_code,
        month,
        count(*) AS weight,
    FROM intermediate.int_patient_months__judged
    WHERE any_opioid
    GROUP BY practice_code, month

    UNION ALL

    SELECT
        CASE WHEN source = 'epd' THEN 'EPD items' ELSE 'patients'' items' END AS counted,
        practice_code,
        month,
        CAST(sum(items) AS BIGINT) AS weight,
    FROM intermediate.int_items__ome
    WHERE items > 0
    GROUP BY source, practice_code, month
),

newest AS (
    SELECT counted, max(month) AS newest_month,
    FROM counted
    GROUP BY counted
),

by_practice AS (
    SELECT
        counted.counted,
        counted.practice_code,
        CAST(sum(counted.weight) AS BIGINT) AS weight,
    FROM counted
    INNER JOIN newest USING (counted)
    WHERE
        (extract(year FROM newest.newest_month) * 12 + extract(month FROM newest.newest_month))
        - (extract(year FROM counted.month) * 12 + extract(month FROM counted.month)) < 12
    GROUP BY counted.counted, counted.practice_code
),

wholes AS (
    SELECT counted, CAST(sum(weight) AS BIGINT) AS weight,
    FROM by_practice
    GROUP BY counted
),

doubtful AS (
    SELECT
        by_practice.counted,
        sum(CASE WHEN orphans.reason = 'outside_england' THEN by_practice.weight ELSE 0 END) AS outside_england,
        sum(CASE WHEN orphans.reason = 'unallocated_code' THEN by_practice.weight ELSE 0 END) AS unallocated_code,
        sum(CASE WHEN orphans.reason = 'no_pcn' THEN by_practice.weight ELSE 0 END) AS no_pcn,
        sum(CASE WHEN orphans.reason = 'two_current_pcns' THEN by_practice.weight ELSE 0 END) AS two_current_pcns,
        sum(CASE WHEN orphans.reason = 'two_icbs_in_look_up' THEN by_practice.weight ELSE 0 END) AS two_icbs_in_look_up,
        sum(CASE WHEN orphans.reason = 'icb_closed' THEN by_practice.weight ELSE 0 END) AS icb_closed,
        sum(CASE WHEN orphans.reason = 'icb_not_in_look_up' THEN by_practice.weight ELSE 0 END) AS icb_not_in_look_up,
        sum(CASE WHEN orphans.reason = 'closed_without_successor' THEN by_practice.weight ELSE 0 END)
            AS closed_without_successor,
        sum(CASE WHEN orphans.reason = 'several_successors' THEN by_practice.weight ELSE 0 END) AS several_successors,
    FROM by_practice
    INNER JOIN marts.organisation_orphans AS orphans USING (practice_code)
    GROUP BY by_practice.counted
),

pcns AS (
    SELECT count(pcn_code) AS practices_in_pcns,
    FROM intermediate.int_organisations__practices
)

SELECT
    wholes.counted,
    wholes.weight,
    pcns.practices_in_pcns,
    coalesce(doubtful.outside_england, 0) / CAST(wholes.weight AS DOUBLE) AS share_outside_england,
    coalesce(doubtful.unallocated_code, 0) / CAST(wholes.weight AS DOUBLE) AS share_unallocated_code,
    coalesce(doubtful.no_pcn, 0) / CAST(wholes.weight AS DOUBLE) AS share_no_pcn,
    coalesce(doubtful.two_current_pcns, 0) / CAST(wholes.weight AS DOUBLE) AS share_two_current_pcns,
    coalesce(doubtful.two_icbs_in_look_up, 0) / CAST(wholes.weight AS DOUBLE) AS share_two_icbs_in_look_up,
    coalesce(doubtful.icb_closed, 0) / CAST(wholes.weight AS DOUBLE) AS share_icb_closed,
    coalesce(doubtful.icb_not_in_look_up, 0) / CAST(wholes.weight AS DOUBLE) AS share_icb_not_in_look_up,
    coalesce(doubtful.closed_without_successor, 0) / CAST(wholes.weight AS DOUBLE) AS share_closed_without_successor,
    coalesce(doubtful.several_successors, 0) / CAST(wholes.weight AS DOUBLE) AS share_several_successors,
FROM wholes
CROSS JOIN pcns
LEFT JOIN doubtful USING (counted)
ORDER BY wholes.counted
