-- A number for each patient: what the patient models carry in place of the pseudonym of 64 characters.
--
-- Grain: one row per patient with an item or a review.
-- Key: patient_number
--
-- Numbers follow the order of the pseudonyms, so the same patients get the same numbers in every build. They mean nothing
-- outside it: what leaves the intermediate tables is the pseudonym.
SELECT
    CAST(row_number() OVER (ORDER BY patient_key) AS INTEGER) AS patient_number,
    patient_key,
FROM (
    SELECT patient_key
    FROM intermediate.int_items__classified
    WHERE source = 'patient' AND patient_key IS NOT NULL

    UNION

    SELECT patient_key
    FROM staging.stg_reviews__outcomes
)
