-- The thresholds that the cohorts of this warehouse were judged by.
SELECT
    setting,
    setting_value,
FROM reference.cohort_settings
