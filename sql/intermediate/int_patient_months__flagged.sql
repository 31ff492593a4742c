-- Every patient in every month in which they are looked at, as judged, under the patient's pseudonym.
--
-- Grain: one row per patient and month in whose last six months (it included) an item of a followed class was dispensed.
-- Key: patient_number, month_index
-- Kind: view
--
-- null_reason says which cohorts cannot be judged yet; it is the same for everybody in a month.
SELECT
    patients.patient_key,
    judged.*,
    CASE
        WHEN months.data_month_number >= $first_month_of_data_balance_abrupt_stop
            THEN coalesce(balancing.balance_abrupt_stop, FALSE)
    END AS balance_abrupt_stop,
    CASE
        WHEN months.data_month_number >= $first_month_of_data_balance_fast_fall
            THEN coalesce(balancing.balance_fast_fall, FALSE)
    END AS balance_fast_fall,
    CASE
        WHEN months.data_month_number >= $first_month_of_data_balance_substitution
            THEN coalesce(balancing.balance_substitution, FALSE)
    END AS balance_substitution,
    CASE
        WHEN months.data_month_number >= $first_month_of_data_balance_restart
            THEN coalesce(balancing.balance_restart, FALSE)
    END AS balance_restart,
    CASE
        WHEN months.data_month_number >= $first_month_of_data_balance_switch
            THEN coalesce(balancing.balance_switch, FALSE)
    END AS balance_switch,
    CASE
        WHEN months.data_month_number >= $first_month_of_data_not_seen
            THEN coalesce(balancing.not_seen, FALSE)
    END AS not_seen,
    CASE
        WHEN months.data_month_number < $first_month_of_data_high_dose
            THEN 'history_too_short: dose and time cohorts, balancing'
        WHEN months.data_month_number < $first_month_of_data_long_term_3m
            THEN 'history_too_short: long_term_3m, long_term, at_risk_3_to_6m, escalation, new_user, balancing'
        WHEN months.data_month_number < $first_month_of_data_long_term
            THEN 'history_too_short: long_term, at_risk_3_to_6m, escalation, new_user, balancing'
        WHEN months.data_month_number < $first_month_of_data_rapid_escalation
            THEN 'history_too_short: escalation, new_user, balancing'
        WHEN months.data_month_number < $first_month_of_data_escalating
            THEN 'history_too_short: escalating, new_user, balancing'
        WHEN months.data_month_number < $first_month_of_data_new_user THEN 'history_too_short: new_user, balancing'
        WHEN months.data_month_number < $first_month_of_data_balance_restart THEN 'history_too_short: balancing'
    END AS null_reason,
FROM intermediate.int_patient_months__judged AS judged
INNER JOIN intermediate.int_patients__numbered AS patients USING (patient_number)
INNER JOIN intermediate.int_months__patient AS months USING (month_index)
LEFT JOIN intermediate.int_patient_months__balancing AS balancing USING (patient_number, month_index)
