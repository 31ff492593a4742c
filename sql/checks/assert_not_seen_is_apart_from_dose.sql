-- People called not seen who, in the same month, have an opioid, a high dose, or were seen by another class.
--
-- Grain: one row per offending patient and month.
-- Key: patient_key, month
SELECT
    patient_key,
    month,
    high_dose_status,
FROM marts.patient_month
WHERE not_seen AND (any_opioid OR high_dose OR high_dose_possible OR balance_abrupt_stop OR balance_fast_fall OR balance_restart)
