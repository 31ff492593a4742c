-- Who would be counted by a dose that a superseded definition asked for, and no cohort of today asks for.
--
-- Grain: one row per patient, month and old rule that counts the patient.
-- Key: patient_number, month, cohort
--
-- An old rule is a line, above it or at it too, over each of some windows, in months with enough of them covered. Sums are
-- compared unrounded. is_without and practice "-" are those of int_patient_months__memberships.
WITH doses AS (
    SELECT
        windows.patient_number,
        windows.month_index,
        windows.data_month_number,
        windows.window_months_reached,
        sizes.window_months,
        CASE sizes.window_months
            WHEN 1 THEN windows.ome_mg_1m
            WHEN 3 THEN windows.ome_mg_3m
            WHEN 6 THEN windows.ome_mg_6m
            WHEN 12 THEN windows.ome_mg_12m
        END AS ome_mg,
        CASE sizes.window_months
            WHEN 1 THEN windows.days_1m
            WHEN 3 THEN windows.days_3m
            WHEN 6 THEN windows.days_6m
            WHEN 12 THEN windows.days_12m
        END AS days,
    FROM intermediate.int_patient_months__windows AS windows
    CROSS JOIN (SELECT DISTINCT window_months FROM reference.superseded_rules) AS sizes
),

members AS (
    SELECT
        doses.patient_number,
        doses.month_index,
        rules.cohort,
    FROM doses
    INNER JOIN reference.superseded_rules AS rules USING (window_months)
    WHERE
        doses.data_month_number >= rules.first_month_of_data
        AND doses.window_months_reached >= rules.months_covered
        AND (
            doses.ome_mg > rules.ome_mg_per_day * doses.days
            OR (rules.is_inclusive AND doses.ome_mg = rules.ome_mg_per_day * doses.days)
        )
    GROUP BY doses.patient_number, doses.month_index, rules.cohort
    HAVING count(*) = max(rules.windows)
)

SELECT
    people.patient_number,
    people.month,
    coalesce(people.practice_code, '-') AS practice_code,
    coalesce(people.is_adult, TRUE) AND coalesce(people.palliative_proxy <> 'strong', TRUE) AND NOT people.excluded
        AS is_without,
    members.cohort,
FROM members
INNER JOIN intermediate.int_patient_months__flagged AS people
    ON members.patient_number = people.patient_number AND members.month_index = people.month_index
