-- Where the dose of a patient-month stands against each threshold.
--
-- Grain: one row per patient and loaded month.
-- Key: patient_number, month_index
-- Kind: view
--
-- Sums are compared with threshold x days, unrounded: exactly 120.0 mg a day is not above 120. A month is a coarse
-- ruler, so "confirmed" needs the 3-month and the 6-month window.
SELECT
    windows.*,
    ome_mg_3m > $high_dose_ome_mg_per_day * days_3m AS above_3m_gt120,
    ome_mg_6m > $high_dose_ome_mg_per_day * days_6m AS above_6m_gt120,
    ome_mg_3m >= $high_dose_ome_mg_per_day * days_3m AS above_3m_ge120,
    ome_mg_6m >= $high_dose_ome_mg_per_day * days_6m AS above_6m_ge120,
    ome_mg_3m > $high_dose_lower_ome_mg_per_day * days_3m AS above_3m_gt90,
    ome_mg_6m > $high_dose_lower_ome_mg_per_day * days_6m AS above_6m_gt90,
    ome_mg_3m >= $high_dose_lower_ome_mg_per_day * days_3m AS above_3m_ge90,
    ome_mg_6m >= $high_dose_lower_ome_mg_per_day * days_6m AS above_6m_ge90,
    ome_mg_6m >= $high_dose_near_threshold_low * $high_dose_ome_mg_per_day * days_6m
    AND ome_mg_6m <= $high_dose_near_threshold_high * $high_dose_ome_mg_per_day * days_6m AS is_near_threshold,
    window_months_reached >= $high_dose_months_covered_for_confirmed AS is_covered,
    data_month_number < $first_month_of_data_high_dose AS is_too_early,
FROM intermediate.int_patient_months__windows AS windows
