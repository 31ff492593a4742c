-- Harm that may come from lowering opioids, per patient and month: stopped at once, fell fast, replaced, began again.
--
-- Grain: one row per patient and loaded month in which at least one of the flags is true.
-- Key: patient_number, month_index
--
-- A month that is missing from the data says nothing, so nothing in it is called stopped, fallen or unseen. A fall needs
-- opioids in two of the three months of both windows: 56-day scripts give two in one window and one in the next.
-- Who has had no item for six months is in no row, and so no longer counted as not seen.
WITH windows AS (
    SELECT
        judged.patient_number,
        judged.month_index,
        months.loaded_months_3m,
        judged.last_item_month_index,
        judged.opioid_months_3m,
        judged.ome_mg_3m,
        judged.days_3m,
        judged.ome_mg_parenteral_3m,
        judged.ome_mg_ir_fentanyl_3m,
    FROM intermediate.int_patient_months__judged AS judged
    INNER JOIN intermediate.int_months__patient AS months USING (month_index)
),

high_dose_months AS (
    SELECT
        patient_number,
        month_index,
    FROM intermediate.int_patient_months__judged
    WHERE high_dose
),

long_term_months AS (
    SELECT
        patient_number,
        month_index,
    FROM intermediate.int_patient_months__judged
    WHERE long_term
),

falls AS (
    SELECT
        now.patient_number,
        now.month_index,
        before.ome_mg_3m >= $balancing_abrupt_stop_ome_mg_per_day * before.days_3m
        AND before.opioid_months_3m = 3
        AND now.opioid_months_3m = 0
        AND now.last_item_month_index > now.month_index - 3 AS is_abrupt_stop,
        before.ome_mg_3m >= $balancing_fast_fall_ome_mg_per_day * before.days_3m
        AND before.loaded_months_3m = 3
        AND before.opioid_months_3m >= $balancing_fast_fall_opioid_months_of_3
        AND now.opioid_months_3m >= $balancing_fast_fall_opioid_months_of_3
        AND now.ome_mg_3m > 0
        AND now.ome_mg_3m * before.days_3m <= $balancing_fast_fall_ratio * before.ome_mg_3m * now.days_3m AS is_fast_fall,
    FROM windows AS now
    INNER JOIN windows AS before
        ON now.patient_number = before.patient_number AND now.month_index = before.month_index + 3
    WHERE
        now.loaded_months_3m = 3
        -- Only who had a dose to lose is compared, which keeps the join small.
        AND before.ome_mg_3m
        >= least($balancing_abrupt_stop_ome_mg_per_day, $balancing_fast_fall_ome_mg_per_day) * before.days_3m
),

-- People who left the high dose within the last six months, this one included, with their last month on it.
leavers AS (
    SELECT
        windows.patient_number,
        windows.month_index,
        max(high_dose_months.month_index) AS last_high_dose_month_index,
    FROM windows
    INNER JOIN high_dose_months
        ON windows.patient_number = high_dose_months.patient_number
        AND windows.month_index BETWEEN high_dose_months.month_index AND high_dose_months.month_index + 6
    GROUP BY windows.patient_number, windows.month_index
    HAVING max(high_dose_months.month_index) < windows.month_index
),

-- Of each class: whether it was dispensed since the high dose was left, and in the six months before.
sedatives AS (
    SELECT
        leavers.patient_number,
        leavers.month_index,
        dispensed.month_index > leavers.last_high_dose_month_index AS is_since,
        bool_or(dispensed.has_gabapentinoid) AS has_gabapentinoid,
        bool_or(dispensed.has_benzodiazepine) AS has_benzodiazepine,
        bool_or(dispensed.has_z_drug) AS has_z_drug,
    FROM leavers
    INNER JOIN intermediate.int_patient_months__dispensed AS dispensed
        ON leavers.patient_number = dispensed.patient_number
        AND dispensed.month_index BETWEEN leavers.last_high_dose_month_index - 5 AND leavers.month_index
    GROUP BY ALL
),

flags AS (
    SELECT
        patient_number,
        month_index,
        'balance_abrupt_stop' AS flag,
    FROM falls
    WHERE is_abrupt_stop

    UNION ALL

    SELECT
        patient_number,
        month_index,
        'balance_fast_fall' AS flag,
    FROM falls
    WHERE is_fast_fall

    UNION ALL

    SELECT
        since.patient_number,
        since.month_index,
        'balance_substitution' AS flag,
    FROM sedatives AS since
    LEFT JOIN sedatives AS before
        ON since.patient_number = before.patient_number AND since.month_index = before.month_index AND NOT before.is_since
    WHERE
        since.is_since
        AND (
            (since.has_gabapentinoid AND NOT coalesce(before.has_gabapentinoid, FALSE))
            OR (since.has_benzodiazepine AND NOT coalesce(before.has_benzodiazepine, FALSE))
            OR (since.has_z_drug AND NOT coalesce(before.has_z_drug, FALSE))
        )

    UNION ALL

    SELECT
        runs.patient_number,
        runs.month_index,
        'balance_restart' AS flag,
    FROM intermediate.int_opioid_months__runs AS runs
    INNER JOIN long_term_months
        ON runs.patient_number = long_term_months.patient_number
        AND long_term_months.month_index BETWEEN runs.month_index - 12 AND runs.month_index - 1
    WHERE runs.empty_months_before >= $balancing_restart_opioid_free_months

    UNION ALL

    SELECT
        leavers.patient_number,
        leavers.month_index,
        'balance_switch' AS flag,
    FROM leavers
    INNER JOIN windows AS now
        ON leavers.patient_number = now.patient_number AND leavers.month_index = now.month_index
    INNER JOIN windows AS before
        ON leavers.patient_number = before.patient_number AND leavers.last_high_dose_month_index = before.month_index
    WHERE
        now.loaded_months_3m = 3
        AND before.loaded_months_3m = 3
        AND (
            now.ome_mg_parenteral_3m > $balancing_switch_ratio * before.ome_mg_parenteral_3m
            OR now.ome_mg_ir_fentanyl_3m > $balancing_switch_ratio * before.ome_mg_ir_fentanyl_3m
        )

    UNION ALL

    SELECT
        windows.patient_number,
        windows.month_index,
        'not_seen' AS flag,
    FROM windows
    INNER JOIN high_dose_months
        ON windows.patient_number = high_dose_months.patient_number
        AND windows.month_index = high_dose_months.month_index + 6
    WHERE windows.loaded_months_3m = 3 AND windows.last_item_month_index <= windows.month_index - 3
)

SELECT
    patient_number,
    month_index,
    bool_or(flag = 'balance_abrupt_stop') AS balance_abrupt_stop,
    bool_or(flag = 'balance_fast_fall') AS balance_fast_fall,
    bool_or(flag = 'balance_substitution') AS balance_substitution,
    bool_or(flag = 'balance_restart') AS balance_restart,
    bool_or(flag = 'balance_switch') AS balance_switch,
    bool_or(flag = 'not_seen') AS not_seen,
FROM flags
GROUP BY patient_number, month_index
