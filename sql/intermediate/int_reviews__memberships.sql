-- The work of reviewing: who was on the list, who was reviewed, who has a plan, and who is listed again after one.
--
-- Grain: one row per patient, month and process measure the patient is in.
-- Key: patient_number, month, cohort
--
-- listed: found by a rule of the case-finding list, adult or of unknown age, not excluded. A review belongs to the
-- calendar month of its day and to the practice of the patient in that month; "-" where there is none. listed_again: on
-- the list in a month after that of a review that made a plan.
WITH patients AS (
    SELECT
        patient_number,
        month,
        coalesce(practice_code, '-') AS practice_code,
        coalesce(is_adult, TRUE) AND coalesce(palliative_proxy <> 'strong', TRUE) AND NOT excluded AS is_without,
        coalesce(is_adult, TRUE) AND NOT excluded
        AND (
            coalesce(high_dose OR high_dose_possible OR high_dose_recent OR high_dose_new, FALSE)
            OR coalesce(rapid_escalation, FALSE)
            OR methadone_3m
            OR dose_is_lower_bound
            OR in_dependence_treatment
            OR immediate_release_fentanyl_3m
            OR (
                coalesce(long_term_3m, FALSE)
                AND (opioid_gabapentinoid_3m OR opioid_benzodiazepine_3m OR opioid_z_drug_3m)
            )
            OR coalesce(at_risk_3_to_6m, FALSE)
            OR coalesce(long_term, FALSE)
        ) AS is_listed,
    FROM intermediate.int_patient_months__flagged
),

reviews AS (
    SELECT
        patients.patient_number,
        reviews.month,
        bool_or(outcomes.is_review = 'yes') AS is_reviewed,
        bool_or(outcomes.is_plan = 'yes') AS is_with_plan,
    FROM staging.stg_reviews__outcomes AS reviews
    INNER JOIN intermediate.int_patients__numbered AS patients USING (patient_key)
    INNER JOIN reference.review_outcomes AS outcomes USING (outcome)
    WHERE outcomes.valid_to IS NULL
    GROUP BY patients.patient_number, reviews.month
),

first_plans AS (
    SELECT
        patient_number,
        min(month) AS month,
    FROM reviews
    WHERE is_with_plan
    GROUP BY patient_number
),

placed AS (
    SELECT
        reviews.patient_number,
        reviews.month,
        coalesce(patients.practice_code, '-') AS practice_code,
        coalesce(patients.is_without, TRUE) AS is_without,
        reviews.is_reviewed,
        reviews.is_with_plan,
    FROM reviews
    LEFT JOIN patients USING (patient_number, month)
)

SELECT
    patient_number,
    month,
    practice_code,
    is_without,
    'listed' AS cohort,
FROM patients
WHERE is_listed

UNION ALL

SELECT
    patients.patient_number,
    patients.month,
    patients.practice_code,
    patients.is_without,
    'listed_again' AS cohort,
FROM patients
INNER JOIN first_plans ON patients.patient_number = first_plans.patient_number AND patients.month > first_plans.month
WHERE patients.is_listed

UNION ALL

SELECT
    patient_number,
    month,
    practice_code,
    is_without,
    'reviewed' AS cohort,
FROM placed
WHERE is_reviewed

UNION ALL

SELECT
    patient_number,
    month,
    practice_code,
    is_without,
    'reviewed_with_plan' AS cohort,
FROM placed
WHERE is_with_plan
