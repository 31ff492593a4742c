-- The people whom a rule of the case-finding list finds and a review has excluded: who, since when, why. Pseudonyms only.
--
-- Grain: one row per patient found and excluded at the as-at month.
-- Key: patient_key
--
-- They are in no list to work through and in no measure without palliative care, and in every headline. The list, these
-- and the under-18s together are the cohort.
--
-- Columns:
--   excluded_on: Day of the review that excluded the person.
--   exclusion: Why, as in reference.review_outcomes.
SELECT
    found.patient_key,
    found.priority,
    flagged.age,
    flagged.sex,
    flagged.practice_code,
    practices.practice_name,
    practices.pcn_code,
    flagged.ome_mg_per_day_3m,
    found.band,
    exclusions.exclusion,
    exclusions.excluded_on,
    found.month AS as_at_month,
FROM intermediate.int_case_list__found AS found
INNER JOIN intermediate.int_patient_months__flagged AS flagged USING (patient_key, month)
INNER JOIN intermediate.int_reviews__exclusions AS exclusions USING (patient_key)
LEFT JOIN intermediate.int_organisations__practices AS practices ON flagged.practice_code = practices.practice_code
WHERE found.is_as_at AND found.excluded
