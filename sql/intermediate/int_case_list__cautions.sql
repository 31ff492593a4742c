-- What to look up or beware of before acting on a row of the case-finding list, in words.
--
-- Grain: one row per patient on the list.
-- Key: patient_key
--
-- Other prescribers are cost centres, other than the patient's practice, of an item of the last three months that
-- counts in a rule. Patients first seen lately may be new to the area, or known before under another identifier.
WITH listed AS (
    SELECT
        flagged.patient_key,
        flagged.month,
        flagged.practice_code,
        flagged.cautions,
        flagged.palliative_proxy,
        flagged.window_has_missing_month,
        flagged.ome_mg_parenteral_3m,
        list_month.month_index,
    FROM intermediate.int_case_list__prioritised AS prioritised
    INNER JOIN intermediate.int_patient_months__flagged AS flagged USING (patient_key, month)
    INNER JOIN intermediate.int_case_list__month AS list_month USING (month)
    WHERE prioritised.is_as_at
),

recent_months AS (
    SELECT months.month,
    FROM intermediate.int_months__patient AS months
    INNER JOIN intermediate.int_case_list__month AS list_month
        ON months.month_index BETWEEN list_month.month_index - 2 AND list_month.month_index
),

other_prescribers AS (
    SELECT DISTINCT
        items.patient_key,
        concat(coalesce(practices.practice_name, 'cost centre'), ' (', items.practice_code, ')') AS prescriber,
    FROM intermediate.int_items__classified AS items
    INNER JOIN recent_months USING (month)
    INNER JOIN listed ON items.patient_key = listed.patient_key
    LEFT JOIN intermediate.int_organisations__practices AS practices ON items.practice_code = practices.practice_code
    WHERE
        items.source = 'patient'
        AND (items.in_scope OR items.product_class IN ('gabapentinoid', 'benzodiazepine', 'z_drug'))
        AND coalesce(items.total_quantity > 0, TRUE)
        AND items.practice_code <> coalesce(listed.practice_code, '-')
),

prescribers AS (
    SELECT
        patient_key,
        string_agg(prescriber, ', ' ORDER BY prescriber) AS prescribers,
    FROM other_prescribers
    GROUP BY patient_key
),

products AS (
    SELECT
        patient_key,
        bool_or(is_liquid) AS has_liquid,
        bool_or(is_suspected_substitution) AS has_suspected_substitution,
        bool_or(is_twice_weekly_patch) AS has_twice_weekly_patch,
    FROM intermediate.int_case_list__opioid_products
    GROUP BY patient_key
),

first_seen AS (
    SELECT
        patients.patient_key,
        min(dispensed.month_index) AS first_month_index,
    FROM intermediate.int_patient_months__dispensed AS dispensed
    INNER JOIN intermediate.int_patients__numbered AS patients USING (patient_number)
    GROUP BY patients.patient_key
),

newcomers AS (
    SELECT
        first_seen.patient_key,
        strftime(months.month, '%b %Y') AS first_month,
    FROM first_seen
    INNER JOIN intermediate.int_months__patient AS months ON first_seen.first_month_index = months.month_index
    INNER JOIN intermediate.int_case_list__month AS list_month
        ON first_seen.first_month_index > list_month.month_index - $case_list_new_to_data_months
    WHERE months.data_month_number > $case_list_new_to_data_after_months
)

SELECT
    listed.patient_key,
    nullif(
        concat_ws(
            '; ',
            CASE listed.palliative_proxy
                WHEN 'strong'
                    THEN 'likely end of life (just-in-case and opioid injections): check the record, do not invite'
                WHEN 'moderate' THEN 'strong opioid injected in the last 6 months: check for palliative care'
            END,
            CASE
                WHEN listed.cautions LIKE '%implausible_quantity%'
                    THEN 'unusual quantity recorded, perhaps a keying error: check it before believing the dose'
            END,
            CASE
                WHEN listed.cautions LIKE '%no_item_this_month%'
                    THEN 'no item this month: check that the patient is alive and registered before any contact'
            END,
            CASE
                WHEN newcomers.first_month IS NOT NULL
                    THEN concat(
                        'first seen in the data in ',
                        newcomers.first_month,
                        ': may have moved here or have a new identifier'
                    )
            END,
            CASE WHEN listed.cautions LIKE '%age_unknown%' THEN 'age not known: may be under 18' END,
            CASE
                WHEN listed.cautions LIKE '%near_threshold%'
                    THEN concat(
                        '6-month dose near ', $high_dose_ome_mg_per_day, ' mg a day: confirm it from the record'
                    )
            END,
            CASE
                WHEN listed.cautions LIKE '%dose_is_lower_bound%'
                    THEN 'an item has no known dose: work out the dose from the record'
            END,
            CASE
                WHEN listed.cautions LIKE '%methadone_present%' THEN 'methadone: its OME is unreliable, use the record'
            END,
            CASE
                WHEN products.has_suspected_substitution THEN 'may be substitution treatment for dependence: check'
            END,
            CASE
                WHEN listed.cautions LIKE '%immediate_release_fentanyl%'
                    THEN 'immediate-release fentanyl is licensed only for breakthrough cancer pain: else review'
            END,
            CASE
                WHEN listed.ome_mg_parenteral_3m > 0 THEN 'injected opioids are not counted in the dose'
            END,
            CASE
                WHEN listed.cautions LIKE '%patch_wear_assumed%'
                    THEN concat('patch taken as worn ', $case_list_twice_weekly_patch_hours, ' hours: confirm')
            END,
            CASE
                WHEN products.has_twice_weekly_patch
                    THEN 'if the patch is changed twice a week, the true dose is about an eighth less than shown'
            END,
            CASE WHEN products.has_liquid THEN 'oral liquid: the quantity is a poor guide to the dose taken' END,
            CASE
                WHEN listed.window_has_missing_month THEN 'a month is missing from the data: the dose leaves it out'
            END,
            CASE
                WHEN prescribers.prescribers IS NOT NULL
                    THEN concat('also prescribed by ', prescribers.prescribers)
            END
        ),
        ''
    ) AS cautions,
FROM listed
LEFT JOIN products USING (patient_key)
LEFT JOIN prescribers USING (patient_key)
LEFT JOIN newcomers USING (patient_key)
