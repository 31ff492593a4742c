-- Organisations whose high-dose counts in marts.sensitivity are not those of marts.trends at the as-at month.
--
-- Grain: one row per offending organisation and preset.
-- Key: org_level, org_code, preset
--
-- Under the factor set in use, without the parenteral route, "confirmed" is the cohort: in each of the four presets.
WITH variants AS (
    SELECT
        as_at_month,
        org_level,
        org_code,
        preset,
        CASE preset
            WHEN 'gt120' THEN 'high_dose'
            WHEN 'ge120' THEN 'high_dose_ge120'
            WHEN 'gt90' THEN 'high_dose_gt90'
            WHEN 'ge90' THEN 'high_dose_ge90'
        END AS measure,
        patients,
    FROM marts.sensitivity
    WHERE
        dose_window = 'confirmed' AND parenteral = 'without'
        AND factor_set = (SELECT max(factor_set) FROM marts.sensitivity WHERE is_headline)
)

SELECT
    variants.org_level,
    variants.org_code,
    variants.preset,
    variants.patients,
    trends.numerator,
FROM variants
LEFT JOIN marts.trends AS trends
    ON variants.org_level = trends.org_level AND variants.org_code = trends.org_code
    AND variants.as_at_month = trends.month AND variants.measure = trends.measure
WHERE variants.patients IS DISTINCT FROM trends.numerator
