-- The patients whom a review has excluded, since when and why.
--
-- Grain: one row per patient with an exclusion that stands.
-- Key: patient_key
--
-- An exclusion stands until a review of the same or a later day ends it. It holds in every month, those before the
-- review included: excluding after the baseline alone would manufacture a reduction.
WITH outcomes AS (
    SELECT
        reviews.patient_key,
        reviews.reviewed_on,
        outcomes.exclusion,
        outcomes.ends_exclusion = 'yes' AS ends_exclusion,
    FROM staging.stg_reviews__outcomes AS reviews
    INNER JOIN reference.review_outcomes AS outcomes USING (outcome)
    WHERE outcomes.valid_to IS NULL AND (outcomes.exclusion IS NOT NULL OR outcomes.ends_exclusion = 'yes')
),

ended AS (
    SELECT
        patient_key,
        max(reviewed_on) AS ended_on,
    FROM outcomes
    WHERE ends_exclusion
    GROUP BY patient_key
)

SELECT
    outcomes.patient_key,
    min(outcomes.reviewed_on) AS excluded_on,
    string_agg(DISTINCT outcomes.exclusion, ' and ' ORDER BY outcomes.exclusion) AS exclusion,
FROM outcomes
LEFT JOIN ended USING (patient_key)
WHERE outcomes.exclusion IS NOT NULL AND (ended.ended_on IS NULL OR outcomes.reviewed_on > ended.ended_on)
GROUP BY outcomes.patient_key
