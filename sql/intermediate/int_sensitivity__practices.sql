-- How many patients of a practice each definition of a high dose counts at the as-at month.
--
-- Grain: one row per practice with such a patient, factor set, parenteral with or without, preset and window.
-- Key: practice_code, factor_set, parenteral, preset, dose_window
--
-- Sums are compared with threshold x days, unrounded. A patient is dose-unknown where the definition does not count them
-- and an item of its window has no dose under the factor set: the true dose may be above the line. Practice "-" is what is
-- in no practice. Under another factor set than the one in use the count is that of the one in use, with the patients
-- whose doses it changes taken off and counted anew.
WITH presets AS (
    SELECT 'gt120' AS preset, $high_dose_ome_mg_per_day AS ome_mg_per_day, FALSE AS includes_line
    UNION ALL
    SELECT 'ge120' AS preset, $high_dose_ome_mg_per_day AS ome_mg_per_day, TRUE AS includes_line
    UNION ALL
    SELECT 'gt90' AS preset, $high_dose_lower_ome_mg_per_day AS ome_mg_per_day, FALSE AS includes_line
    UNION ALL
    SELECT 'ge90' AS preset, $high_dose_lower_ome_mg_per_day AS ome_mg_per_day, TRUE AS includes_line
),

patients AS (
    SELECT
        flagged.patient_key,
        coalesce(flagged.practice_code, '-') AS practice_code,
        flagged.days_1m,
        flagged.days_3m,
        flagged.days_6m,
        flagged.days_12m,
        flagged.window_months_reached >= $high_dose_months_covered_for_confirmed AS is_covered,
    FROM intermediate.int_patient_months__flagged AS flagged
    INNER JOIN intermediate.int_case_list__month AS list_month USING (month)
),

counts AS (
    SELECT
        patient_key,
        factor_set,
        factor_set AS doses_of_set,
        1 AS counts_as,
    FROM intermediate.int_sensitivity__doses

    UNION ALL

    SELECT
        patient_key,
        factor_set,
        $factor_set AS doses_of_set,
        -1 AS counts_as,
    FROM intermediate.int_sensitivity__doses
    WHERE factor_set <> $factor_set
),

-- Most people are below every line by any definition: they go before the definitions multiply.
candidates AS (
    SELECT
        patients.practice_code,
        counts.factor_set,
        counts.counts_as,
        patients.days_1m,
        patients.days_3m,
        patients.days_6m,
        patients.days_12m,
        patients.is_covered,
        doses.ome_mg_1m,
        doses.ome_mg_3m,
        doses.ome_mg_6m,
        doses.ome_mg_12m,
        doses.ome_mg_parenteral_1m,
        doses.ome_mg_parenteral_3m,
        doses.ome_mg_parenteral_6m,
        doses.ome_mg_parenteral_12m,
        doses.has_unconverted_1m,
        doses.has_unconverted_3m,
        doses.has_unconverted_6m,
        doses.has_unconverted_12m,
    FROM counts
    INNER JOIN intermediate.int_sensitivity__doses AS doses
        ON counts.patient_key = doses.patient_key AND counts.doses_of_set = doses.factor_set
    INNER JOIN patients ON counts.patient_key = patients.patient_key
    CROSS JOIN (SELECT min(ome_mg_per_day) AS ome_mg_per_day FROM presets) AS lowest
    WHERE
        doses.has_unconverted_12m
        OR doses.ome_mg_1m + doses.ome_mg_parenteral_1m >= lowest.ome_mg_per_day * patients.days_1m
        OR doses.ome_mg_3m + doses.ome_mg_parenteral_3m >= lowest.ome_mg_per_day * patients.days_3m
        OR doses.ome_mg_6m + doses.ome_mg_parenteral_6m >= lowest.ome_mg_per_day * patients.days_6m
        OR doses.ome_mg_12m + doses.ome_mg_parenteral_12m >= lowest.ome_mg_per_day * patients.days_12m
),

compared AS (
    SELECT
        candidates.practice_code,
        candidates.factor_set,
        candidates.counts_as,
        candidates.is_covered,
        parenteral.parenteral,
        presets.preset,
        presets.includes_line,
        candidates.ome_mg_1m + parenteral.share * candidates.ome_mg_parenteral_1m
        - presets.ome_mg_per_day * candidates.days_1m AS above_1m,
        candidates.ome_mg_3m + parenteral.share * candidates.ome_mg_parenteral_3m
        - presets.ome_mg_per_day * candidates.days_3m AS above_3m,
        candidates.ome_mg_6m + parenteral.share * candidates.ome_mg_parenteral_6m
        - presets.ome_mg_per_day * candidates.days_6m AS above_6m,
        candidates.ome_mg_12m + parenteral.share * candidates.ome_mg_parenteral_12m
        - presets.ome_mg_per_day * candidates.days_12m AS above_12m,
        candidates.has_unconverted_1m,
        candidates.has_unconverted_3m,
        candidates.has_unconverted_6m,
        candidates.has_unconverted_12m,
    FROM candidates
    CROSS JOIN presets
    CROSS JOIN (VALUES ('without', 0), ('with', 1)) AS parenteral (parenteral, share)
),

judged AS (
    SELECT
        practice_code,
        factor_set,
        counts_as,
        parenteral,
        preset,
        above_1m > 0 OR (includes_line AND above_1m = 0) AS is_over_1m,
        above_3m > 0 OR (includes_line AND above_3m = 0) AS is_over_3m,
        above_6m > 0 OR (includes_line AND above_6m = 0) AS is_over_6m,
        above_12m > 0 OR (includes_line AND above_12m = 0) AS is_over_12m,
        is_covered AND (above_3m > 0 OR (includes_line AND above_3m = 0))
        AND (above_6m > 0 OR (includes_line AND above_6m = 0)) AS is_confirmed,
        has_unconverted_1m,
        has_unconverted_3m,
        has_unconverted_6m,
        has_unconverted_12m,
    FROM compared
),

counted AS (
    SELECT
        practice_code,
        factor_set,
        parenteral,
        preset,
        windows.dose_window,
        sum(counts_as) FILTER (
            CASE windows.dose_window
                WHEN '1m' THEN is_over_1m
                WHEN '3m' THEN is_over_3m
                WHEN '6m' THEN is_over_6m
                WHEN '12m' THEN is_over_12m
                WHEN 'confirmed' THEN is_confirmed
            END
        ) AS patients,
        sum(counts_as) FILTER (
            CASE windows.dose_window
                WHEN '1m' THEN has_unconverted_1m AND NOT is_over_1m
                WHEN '3m' THEN has_unconverted_3m AND NOT is_over_3m
                WHEN '6m' THEN has_unconverted_6m AND NOT is_over_6m
                WHEN '12m' THEN has_unconverted_12m AND NOT is_over_12m
                WHEN 'confirmed' THEN has_unconverted_6m AND NOT is_confirmed
            END
        ) AS patients_dose_unknown,
    FROM judged
    CROSS JOIN (VALUES ('1m'), ('3m'), ('6m'), ('12m'), ('confirmed')) AS windows (dose_window)
    GROUP BY practice_code, factor_set, parenteral, preset, windows.dose_window
),

definitions AS (
    SELECT DISTINCT
        counted.practice_code,
        factor_sets.factor_set,
        counted.parenteral,
        counted.preset,
        counted.dose_window,
    FROM counted
    CROSS JOIN (SELECT DISTINCT factor_set FROM reference.products_by_factor_set) AS factor_sets
)

SELECT
    definitions.practice_code,
    definitions.factor_set,
    definitions.parenteral,
    definitions.preset,
    definitions.dose_window,
    CAST(coalesce(own.patients, 0) + coalesce(in_use.patients, 0) AS BIGINT) AS patients,
    CAST(coalesce(own.patients_dose_unknown, 0) + coalesce(in_use.patients_dose_unknown, 0) AS BIGINT)
        AS patients_dose_unknown,
FROM definitions
LEFT JOIN counted AS own
    ON definitions.practice_code = own.practice_code AND definitions.factor_set = own.factor_set
    AND definitions.parenteral = own.parenteral AND definitions.preset = own.preset
    AND definitions.dose_window = own.dose_window
LEFT JOIN counted AS in_use
    ON definitions.practice_code = in_use.practice_code AND in_use.factor_set = $factor_set
    AND definitions.factor_set <> $factor_set AND definitions.parenteral = in_use.parenteral
    AND definitions.preset = in_use.preset AND definitions.dose_window = in_use.dose_window
