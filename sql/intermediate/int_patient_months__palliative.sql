-- Signs in the prescribing that a patient may be near the end of life. A label, never a reason to delete.
--
-- Grain: one row per patient and month with a sign in its last six months (it included).
-- Key: patient_number, month_index
--
-- strong: two or more different just-in-case injectables in one of the last six months, and an opioid injection in the
-- same or a neighbouring month. moderate: a parenteral strong opioid in the last six months.
WITH just_in_case_months AS (
    SELECT
        patient_number,
        month_index,
    FROM intermediate.int_patient_months__rare
    WHERE just_in_case_drugs >= $people_palliative_just_in_case_drugs
),

injection_months AS (
    SELECT
        patient_number,
        month_index,
        has_parenteral_strong_opioid,
    FROM intermediate.int_patient_months__rare
    WHERE has_parenteral_opioid
),

-- A sign is seen from the later of its two months, until the just-in-case month is more than five months past.
signs AS (
    SELECT
        patient_number,
        injection_months.month_index AS first_month_index,
        just_in_case_months.month_index + 5 AS last_month_index,
        TRUE AS is_strong,
    FROM just_in_case_months
    INNER JOIN injection_months USING (patient_number)
    WHERE injection_months.month_index = just_in_case_months.month_index + 1

    UNION ALL

    SELECT
        patient_number,
        just_in_case_months.month_index AS first_month_index,
        just_in_case_months.month_index + 5 AS last_month_index,
        TRUE AS is_strong,
    FROM just_in_case_months
    INNER JOIN injection_months USING (patient_number)
    WHERE injection_months.month_index BETWEEN just_in_case_months.month_index - 1 AND just_in_case_months.month_index

    UNION ALL

    SELECT
        patient_number,
        month_index AS first_month_index,
        month_index + 5 AS last_month_index,
        FALSE AS is_strong,
    FROM injection_months
    WHERE has_parenteral_strong_opioid
)

SELECT
    signs.patient_number,
    signs.first_month_index + ahead.months AS month_index,
    bool_or(signs.is_strong) AS is_strong,
FROM signs
CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5)) AS ahead (months)
WHERE signs.first_month_index + ahead.months <= signs.last_month_index
GROUP BY ALL
