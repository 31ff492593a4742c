-- What came of the reviews, as it was imported.
--
-- Grain: one row per patient, day, outcome and reviewer.
-- Key: patient_key, reviewed_on, outcome, reviewer
-- Kind: view
SELECT
    patient_key,
    CAST(reviewed_on AS DATE) AS reviewed_on,
    CAST(month AS DATE) AS month,
    outcome,
    reviewer,
FROM raw.reviews
