-- Every patient in every month in which they are looked at: dose per day, cohorts, and what limits them.
--
-- Grain: one row per patient and month in whose last six months (it included) an item of a followed class was dispensed.
-- Key: patient_key, month
-- Kind: view
--
-- Doses are oral morphine equivalents (OME) dispensed in the window divided by its days, parenteral opioids apart,
-- rounded half up to four decimals; cohorts are judged on the unrounded sums. A cohort that is NULL cannot be judged yet:
-- null_reason says which. Age, palliative signs and exclusions never change a cohort.
-- Lines and lengths named below are the shipped ones: reference.cohort_settings holds those in force.
--
-- Columns:
--   all_three: TRUE: high_dose, long_term and opioid_gabapentinoid. NULL: null_reason says why.
--   any_opioid: TRUE: an opioid item in the month.
--   at_risk_3_to_6m: TRUE: an open run of 4, 5 or 6 months that is not left_censored: the time to act. NULL:
--     null_reason says why.
--   balance_abrupt_stop: TRUE: 50 mg OME a day or more three months ago, opioid items in each of those months, none
--     since, still seen. NULL: null_reason says why.
--   balance_fast_fall: TRUE: half the dose of three months ago or less, from 90 mg OME a day or more, not zero. NULL:
--     null_reason says why.
--   balance_restart: TRUE: an opioid after three opioid-free months or more, long-term within the year before. NULL:
--     null_reason says why.
--   balance_substitution: TRUE: left high_dose within six months, and a gabapentinoid, benzodiazepine or z-drug begun
--     since. NULL: null_reason says why.
--   balance_switch: TRUE: left high_dose, and injected or immediate-release fentanyl OME rose. NULL: null_reason says
--     why.
--   cautions: no_item_this_month, near_threshold, dose_is_lower_bound, methadone_present, immediate_release_fentanyl,
--     patch_wear_assumed, implausible_quantity or age_unknown, apart by '; '. NULL: nothing.
--   dose_is_lower_bound: TRUE: an item of the last three months has no dose, so the true dose is this or more.
--   episode_month: First day of the month in which the present opioid episode began; windows reach no further back.
--     NULL: no opioid yet.
--   escalating: TRUE: escalating_status is yes. NULL: null_reason says why.
--   escalating_status: yes, no or not_assessable: six-month dose more than 1.2 times that of the six months before, and
--     10 mg OME a day more. NULL: null_reason says why.
--   high_dose: TRUE: high_dose_status is confirmed. The headline. NULL: null_reason says why.
--   high_dose_gabapentinoid: TRUE: high_dose and opioid_gabapentinoid. NULL: null_reason says why.
--   high_dose_ge120: As high_dose, for 120 mg OME a day or more.
--   high_dose_ge90: As high_dose, for 90 mg OME a day or more.
--   high_dose_gt90: As high_dose, for more than 90 mg OME a day.
--   high_dose_long_term: TRUE: high_dose and long_term. NULL: null_reason says why.
--   high_dose_new: TRUE: high_dose_status is new. NULL: null_reason says why.
--   high_dose_possible: TRUE: high_dose_status is possible. NULL: null_reason says why.
--   high_dose_recent: TRUE: high_dose_status is recent. NULL: null_reason says why.
--   high_dose_status: More than 120 mg OME a day: confirmed (over three and six months), possible (three months only),
--     recent (six months only), new (three months, opioids began lately), below, or unknown (too little history).
--   high_dose_status_ge120: confirmed, possible, recent, new, below or unknown as high_dose_status, for 120 mg OME a
--     day or more.
--   high_dose_status_ge90: confirmed, possible, recent, new, below or unknown as high_dose_status, for 90 mg OME a day
--     or more.
--   high_dose_status_gt90: confirmed, possible, recent, new, below or unknown as high_dose_status, for more than 90 mg
--     OME a day.
--   immediate_release_fentanyl_3m: TRUE: immediate-release fentanyl in this or the two months before.
--   in_dependence_treatment: TRUE: an opioid item and an item of dependence treatment within six months.
--   is_adult: TRUE: 18 years or older. NULL: age not known.
--   long_term: TRUE: opioid_run_months is 7 or more (more than six months). NULL: null_reason says why.
--   long_term_3m: TRUE: opioid_run_months is 4 or more (more than three months). NULL: null_reason says why.
--   methadone_3m: TRUE: methadone for pain in this or the two months before.
--   near_threshold: TRUE: the six-month dose lies within a tenth of 120 mg OME a day. NULL: null_reason says why.
--   new_user: TRUE: an opioid item in the month, none in the 12 before. NULL: null_reason says why.
--   not_seen: TRUE: high_dose six months ago, no item of any followed class for three months. NULL: null_reason says
--     why.
--   null_reason: Which cohorts cannot be judged yet, the same for everybody in a month. NULL: all can.
--   ome_mg: mg OME dispensed in the month by every route, injections included; 0: none. Items without a dose are left
--     out.
--   ome_mg_ir_fentanyl_3m: mg OME of immediate-release fentanyl in this and the two months before; part of the dose.
--   ome_mg_parenteral_3m: mg OME of injected opioids in this and the two months before; no part of the dose.
--   ome_mg_per_day_12m: mg OME a day over this and the eleven months before, injections apart; 0: no opioid in the
--     window.
--   ome_mg_per_day_1m: mg OME a day over this month, injections apart; 0: no opioid in the window.
--   ome_mg_per_day_6m: mg OME a day over this and the five months before, not before episode_month; injections apart.
--   opioid_benzodiazepine: TRUE: an opioid and a benzodiazepine in the month.
--   opioid_benzodiazepine_3m: TRUE: an opioid and a benzodiazepine, each in this or the two months before.
--   opioid_gabapentinoid: TRUE: an opioid and a gabapentinoid in the month, whatever else is taken.
--   opioid_gabapentinoid_3m: TRUE: an opioid and a gabapentinoid, each in this or the two months before.
--   opioid_two_or_more_sedatives: TRUE: an opioid and two or three of gabapentinoid, benzodiazepine, z-drug in the
--     month.
--   opioid_two_or_more_sedatives_3m: TRUE: as opioid_two_or_more_sedatives, each in this or the two months before.
--   opioid_z_drug: TRUE: an opioid and a z-drug in the month.
--   opioid_z_drug_3m: TRUE: an opioid and a z-drug, each in this or the two months before.
--   practice_code: ODS code of the practice that the patient counts in. NULL: unallocated, in 'all' alone.
--   rapid_escalation: TRUE: rapid_escalation_status is yes. NULL: null_reason says why.
--   rapid_escalation_status: yes, no or not_assessable: three-month dose 1.5 times that of six months before or more,
--     and 30 mg OME a day more. NULL: null_reason says why.
--   window_has_missing_month: TRUE: a month of the three-month window is not loaded, so the dose leaves it out.
--   window_months_covered: Loaded months of the three-month window within the present episode: 1 to 3.
SELECT
    patient_key,
    month,
    practice_code,
    age,
    sex,
    imd_decile,
    ome_mg,
    ome_mg_per_day_1m,
    ome_mg_per_day_3m,
    ome_mg_per_day_6m,
    ome_mg_per_day_12m,
    ome_mg_parenteral_3m,
    ome_mg_ir_fentanyl_3m,
    window_months_covered,
    episode_month,
    window_has_missing_month,
    opioid_run_months,
    left_censored,
    high_dose_status,
    high_dose_status_ge120,
    high_dose_status_gt90,
    high_dose_status_ge90,
    any_opioid,
    high_dose,
    high_dose_possible,
    high_dose_recent,
    high_dose_new,
    high_dose_ge120,
    high_dose_gt90,
    high_dose_ge90,
    near_threshold,
    dose_is_lower_bound,
    long_term,
    long_term_3m,
    at_risk_3_to_6m,
    opioid_gabapentinoid,
    opioid_gabapentinoid_3m,
    opioid_benzodiazepine,
    opioid_benzodiazepine_3m,
    opioid_z_drug,
    opioid_z_drug_3m,
    opioid_two_or_more_sedatives,
    opioid_two_or_more_sedatives_3m,
    high_dose_long_term,
    high_dose_gabapentinoid,
    all_three,
    escalating_status,
    escalating,
    rapid_escalation_status,
    rapid_escalation,
    new_user,
    in_dependence_treatment,
    balance_abrupt_stop,
    balance_fast_fall,
    balance_substitution,
    balance_restart,
    balance_switch,
    not_seen,
    methadone_3m,
    immediate_release_fentanyl_3m,
    is_adult,
    palliative_proxy,
    excluded,
    last_dispensed_month,
    cautions,
    null_reason,
FROM intermediate.int_patient_months__flagged
