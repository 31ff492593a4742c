-- How far the number of people on a high dose depends on its definition: every window, preset and factor set.
--
-- Grain: one row per organisation, window, preset, factor set, and parenteral with or without; dense, zero rows kept.
-- Key: org_level, org_code, dose_window, preset, factor_set, parenteral
--
-- At the as-at month. dose_window 1m, 3m, 6m, 12m: the dose of that window alone is over the line; confirmed: that of
-- three and of six months, three months covered. is_headline marks the definition of high_dose. patients is NULL where
-- there is too little history for the rule; window_months_in_data says how many months of data the window reaches over.
-- patients_dose_unknown are not among patients, and an item of theirs has no dose: the true number lies between patients
-- and their sum. Differences between rows are counts of people too: protect them like any other before they leave.
--
-- Columns:
--   dose_window: 1m, 3m, 6m, 12m, or confirmed: over three and six months.
--   is_headline: TRUE: this is the definition of high_dose.
--   parenteral: without or with injected opioids.
--   patients: People above the line by this definition. NULL: too little history.
--   patients_dose_unknown: People not among patients, with an item without a dose. NULL: too little history.
--   preset: gt120, ge120, gt90 or ge90: more than (gt), or that many and more (ge), mg OME a day.
--   window_months_in_data: Loaded months that the window reaches over.
WITH organisations AS (
    SELECT DISTINCT
        org_level,
        org_code,
    FROM intermediate.int_organisations__levels
),

counted AS (
    SELECT
        levels.org_level,
        levels.org_code,
        practices.dose_window,
        practices.preset,
        practices.factor_set,
        practices.parenteral,
        sum(practices.patients) AS patients,
        sum(practices.patients_dose_unknown) AS patients_dose_unknown,
    FROM intermediate.int_sensitivity__practices AS practices
    INNER JOIN intermediate.int_organisations__levels AS levels USING (practice_code)
    GROUP BY ALL
),

windows AS (
    SELECT
        list_month.month,
        windows.dose_window,
        list_month.data_month_number < $first_month_of_data_high_dose AND windows.dose_window <> '1m' AS is_too_early,
        count(*) FILTER (months.is_loaded) AS window_months_in_data,
    FROM intermediate.int_case_list__month AS list_month
    CROSS JOIN (VALUES ('1m', 1), ('3m', 3), ('6m', 6), ('12m', 12), ('confirmed', 6)) AS windows (dose_window, months)
    INNER JOIN intermediate.int_months__patient AS months
        ON months.month_index BETWEEN list_month.month_index - windows.months + 1 AND list_month.month_index
    GROUP BY ALL
)

SELECT
    windows.month AS as_at_month,
    organisations.org_level,
    organisations.org_code,
    windows.dose_window,
    presets.preset,
    factor_sets.factor_set,
    parenteral.parenteral,
    CASE WHEN NOT windows.is_too_early THEN CAST(coalesce(counted.patients, 0) AS BIGINT) END AS patients,
    CASE WHEN NOT windows.is_too_early THEN CAST(coalesce(counted.patients_dose_unknown, 0) AS BIGINT) END
        AS patients_dose_unknown,
    CAST(windows.window_months_in_data AS INTEGER) AS window_months_in_data,
    windows.dose_window = 'confirmed' AND presets.preset = 'gt120' AND factor_sets.factor_set = $factor_set
    AND parenteral.parenteral = 'without' AS is_headline,
FROM organisations
CROSS JOIN windows
CROSS JOIN (VALUES ('gt120'), ('ge120'), ('gt90'), ('ge90')) AS presets (preset)
CROSS JOIN (SELECT DISTINCT factor_set FROM reference.products_by_factor_set) AS factor_sets
CROSS JOIN (VALUES ('without'), ('with')) AS parenteral (parenteral)
LEFT JOIN counted USING (org_level, org_code, dose_window, preset, factor_set, parenteral)
