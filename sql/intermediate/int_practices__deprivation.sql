-- How deprived each practice is, on one basis for all of them: the published score, else its people in the data.
--
-- Grain: one row per practice of which the basis knows something.
-- Key: practice_code
--
-- Where a file of published scores is loaded, a practice that is not in it is not known: the two bases are never mixed. The
-- other basis is the mean deprivation decile of the people with a followed medicine in the six months to the newest settled
-- month, and not of the list. people is how many it is the mean of; NULL for a published score.
WITH newest AS (
    SELECT max(month) AS month,
    FROM intermediate.int_months__patient
    WHERE is_loaded AND NOT is_provisional
),

of_people AS (
    SELECT
        people.practice_code,
        sum(people.imd_decile) / CAST(count(*) AS DOUBLE) AS deprivation,
        count(*) AS people,
    FROM intermediate.int_patient_months__judged AS people
    INNER JOIN newest USING (month)
    WHERE people.imd_decile IS NOT NULL AND people.practice_code IS NOT NULL
    GROUP BY people.practice_code
)

SELECT
    practice_code,
    'published score of the practice' AS deprivation_basis,
    imd_score AS deprivation,
    CAST(NULL AS BIGINT) AS people,
FROM staging.stg_practices__deprivation

UNION ALL

SELECT
    practice_code,
    'mean decile of its people in the data' AS deprivation_basis,
    deprivation,
    people,
FROM of_people
WHERE (SELECT count(*) FROM staging.stg_practices__deprivation) = 0
