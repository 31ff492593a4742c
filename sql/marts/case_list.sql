-- The case-finding list: whom to review, in which order, and why. Pseudonyms only.
--
-- Grain: one row per patient on the list at the as-at month.
-- Key: patient_key
--
-- On the list are adults, and patients whose age is not known, whom a rule of dose, time or combination finds;
-- why_listed says which. priority, 1 to 4, orders the work and is not a measure of harm; patients who are likely near
-- the end of life keep their number and belong in a block at the end. Doses are mg of oral morphine equivalent (OME)
-- dispensed, a day. Order of work: palliative_proxy strong last, priority, ome_mg_per_day_3m descending, patient_key.
--
-- Columns:
--   cautions: What to look up or beware of before acting, in words, apart by '; '. NULL: nothing.
--   change_since_last_month: joined, stayed, 'band changed: was …' or 'not known: too little history', beside the month
--     looked at before.
--   change_vs_6_months_before: mg OME a day: ome_mg_per_day_3m less that of six months before. NULL: no dose or no data
--     then.
--   gabapentinoids: Gabapentinoids of the last three months in words: dose a day, when last. NULL: none.
--   opioids: Opioid products of the last three months in words: quantity a month, long-acting first. NULL: none.
--   other_sedatives: Other sedating medicines of the last three months in words, with when last. NULL: none.
--   priority_text: priority in words; likely end of life goes before all else.
--   why_listed: The rules that found the person, in words, with the person's own numbers.
WITH listed AS (
    SELECT
        patient_key,
        month,
        priority,
        band,
    FROM intermediate.int_case_list__prioritised
    WHERE is_as_at
),

before AS (
    SELECT
        patient_key,
        band,
    FROM intermediate.int_case_list__prioritised
    WHERE NOT is_as_at
),

list_month AS (
    SELECT
        month,
        month_index,
        previous_month,
        data_month_number IN (
            $first_month_of_data_high_dose,
            $first_month_of_data_long_term_3m,
            $first_month_of_data_long_term,
            $first_month_of_data_rapid_escalation
        ) AS is_first_month_of_a_rule,
        CASE
            WHEN previous_month_index < month_index - 1 THEN concat(' (since ', strftime(previous_month, '%b %Y'), ')')
            ELSE ''
        END AS since,
    FROM intermediate.int_case_list__month
),

six_months_before AS (
    SELECT
        flagged.patient_key,
        flagged.ome_mg_per_day_3m,
    FROM intermediate.int_patient_months__flagged AS flagged
    INNER JOIN intermediate.int_months__patient AS months USING (month)
    INNER JOIN list_month ON months.month_index = list_month.month_index - 6
    WHERE months.data_month_number >= $first_month_of_data_high_dose
),

practices AS (
    SELECT
        practice_code,
        practice_name,
        pcn_code,
    FROM intermediate.int_organisations__practices
)

SELECT
    listed.priority,
    CASE
        WHEN flagged.palliative_proxy = 'strong'
            THEN concat('likely end of life (', listed.priority, '): check the record first, do not invite')
        WHEN listed.priority = 1 THEN '1 – review first'
        WHEN listed.priority = 2 THEN '2 – review soon'
        WHEN listed.priority = 3 THEN '3 – review next'
        WHEN listed.priority = 4 THEN '4 – review in turn'
    END AS priority_text,
    listed.patient_key,
    flagged.age,
    flagged.sex,
    flagged.practice_code,
    practices.practice_name,
    practices.pcn_code,
    flagged.ome_mg_per_day_3m,
    listed.band,
    CAST(flagged.ome_mg_per_day_3m - six_months_before.ome_mg_per_day_3m AS DECIMAL(18, 4))
        AS change_vs_6_months_before,
    flagged.opioid_run_months,
    flagged.left_censored,
    opioids.opioids,
    other_medicines.gabapentinoids,
    other_medicines.other_sedatives,
    flagged.last_dispensed_month,
    reasons.why_listed,
    cautions.cautions,
    CASE
        WHEN list_month.previous_month IS NULL OR (before.patient_key IS NULL AND list_month.is_first_month_of_a_rule)
            THEN 'not known: too little history'
        WHEN before.patient_key IS NULL THEN concat('joined', list_month.since)
        WHEN before.band <> listed.band THEN concat('band changed: was ', before.band, list_month.since)
        ELSE concat('stayed', list_month.since)
    END AS change_since_last_month,
    flagged.palliative_proxy,
    listed.month AS as_at_month,
FROM listed
INNER JOIN list_month USING (month)
INNER JOIN intermediate.int_patient_months__flagged AS flagged USING (patient_key, month)
INNER JOIN intermediate.int_case_list__reasons AS reasons USING (patient_key)
INNER JOIN intermediate.int_case_list__cautions AS cautions USING (patient_key)
LEFT JOIN before USING (patient_key)
LEFT JOIN six_months_before USING (patient_key)
LEFT JOIN intermediate.int_case_list__opioids AS opioids USING (patient_key)
LEFT JOIN intermediate.int_case_list__other_medicines AS other_medicines USING (patient_key)
LEFT JOIN practices USING (practice_code)
