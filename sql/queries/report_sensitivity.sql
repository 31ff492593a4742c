-- High dose in each ICB by the headline definition, and by those one step from it: window, line, factor set, route.
WITH steps AS (
    SELECT
        org_code,
        as_at_month,
        CASE
            WHEN is_headline THEN 'headline'
            WHEN preset = 'gt120' AND factor_set = $factor_set AND parenteral = 'without' THEN 'window'
            WHEN dose_window = 'confirmed' AND factor_set = $factor_set AND parenteral = 'without' THEN 'line'
            WHEN dose_window = 'confirmed' AND preset = 'gt120' AND parenteral = 'without' THEN 'factor_set'
            WHEN dose_window = 'confirmed' AND preset = 'gt120' AND factor_set = $factor_set THEN 'route'
        END AS dimension,
        dose_window,
        preset,
        factor_set,
        parenteral,
        is_headline,
        patients AS people,
    FROM marts.sensitivity
    WHERE org_level = 'icb' AND patients IS NOT NULL
)

SELECT
    steps.org_code,
    steps.as_at_month,
    steps.dimension,
    steps.dose_window,
    steps.preset,
    steps.factor_set,
    titles.title AS factor_set_title,
    steps.parenteral,
    steps.is_headline,
    steps.people,
FROM steps
LEFT JOIN (
    SELECT
        factor_set,
        arg_max(title, valid_from) AS title,
    FROM reference.factor_sets
    GROUP BY factor_set
) AS titles ON steps.factor_set = titles.factor_set
WHERE steps.dimension IS NOT NULL
ORDER BY
    steps.org_code,
    steps.dimension <> 'headline',
    steps.dimension,
    steps.dose_window,
    steps.preset,
    steps.factor_set,
    steps.parenteral
