-- Local returns at every level: what an organisation returned itself, else the sum of what those below it returned.
--
-- Grain: one row per level, organisation, month and measure of which there is a return.
-- Key: org_level, org_code, month, measure
--
-- What a PCN or an ICB returns itself is never added to what its parts returned: a return counts as far up as nobody above it
-- has returned. Nothing is filled in for who did not return: returned_by says whose returns stand behind a figure, so that
-- like is compared with like.
WITH placed AS (
    SELECT
        returns.org_level,
        returns.org_code,
        CASE WHEN returns.org_level = 'practice' THEN returns.pcn_code END AS pcn_code,
        CASE
            WHEN returns.org_level = 'practice' AND returns.pcn_code IS NOT NULL THEN pcns.icb_code
            WHEN returns.org_level IN ('practice', 'pcn') THEN returns.icb_code
        END AS icb_code,
        returns.month,
        returns.measure,
        returns.numerator,
        CASE WHEN returns.form IN ('mean', 'share') THEN returns.denominator END AS denominator,
    FROM intermediate.int_returns__placed AS returns
    LEFT JOIN intermediate.int_returns__organisations AS pcns ON returns.pcn_code = pcns.org_code
    WHERE returns.org_level IS NOT NULL
),

-- Each return with whether somebody above it returned too. At the level of the return itself nobody is above it.
below AS (
    SELECT
        placed.org_level,
        placed.org_code,
        placed.pcn_code,
        placed.icb_code,
        placed.month,
        placed.measure,
        placed.numerator,
        placed.denominator,
        pcn_own.org_code IS NOT NULL AS pcn_returned,
        icb_own.org_code IS NOT NULL AS icb_returned,
        all_own.org_code IS NOT NULL AS all_returned,
    FROM placed
    LEFT JOIN placed AS pcn_own
        ON pcn_own.org_level = 'pcn'
        AND placed.pcn_code = pcn_own.org_code
        AND placed.month = pcn_own.month
        AND placed.measure = pcn_own.measure
    LEFT JOIN placed AS icb_own
        ON icb_own.org_level = 'icb'
        AND placed.icb_code = icb_own.org_code
        AND placed.month = icb_own.month
        AND placed.measure = icb_own.measure
    LEFT JOIN placed AS all_own
        ON all_own.org_level = 'all'
        AND placed.org_level <> 'all'
        AND placed.month = all_own.month
        AND placed.measure = all_own.measure
),

counted AS (
    SELECT org_level, org_code, month, measure, org_code AS returned_by, numerator, denominator, TRUE AS is_own
    FROM below

    UNION ALL

    SELECT 'pcn', pcn_code, month, measure, org_code, numerator, denominator, FALSE
    FROM below
    WHERE pcn_code IS NOT NULL AND NOT pcn_returned

    UNION ALL

    SELECT 'icb', icb_code, month, measure, org_code, numerator, denominator, FALSE
    FROM below
    WHERE icb_code IS NOT NULL AND NOT (pcn_returned OR icb_returned)

    UNION ALL

    SELECT 'all', 'all', month, measure, org_code, numerator, denominator, FALSE
    FROM below
    WHERE org_level <> 'all' AND NOT (pcn_returned OR icb_returned OR all_returned)
),

summed AS (
    SELECT
        org_level,
        org_code,
        month,
        measure,
        sum(numerator) AS numerator,
        sum(denominator) AS denominator,
        string_agg(returned_by, ',' ORDER BY returned_by) AS returned_by,
        count(*) AS returns_counted,
        bool_and(is_own) AS is_own,
    FROM counted
    GROUP BY org_level, org_code, month, measure
)

SELECT
    summed.org_level,
    summed.org_code,
    summed.month,
    summed.measure,
    organisations.org_name,
    organisations.pcn_code,
    organisations.icb_code,
    organisations.region_code,
    measures.kind,
    measures.form,
    measures.unit,
    measures.direction,
    summed.numerator,
    summed.denominator,
    summed.returned_by,
    summed.returns_counted,
    summed.is_own,
FROM summed
LEFT JOIN intermediate.int_organisations__attributes AS organisations USING (org_level, org_code)
INNER JOIN reference.local_measures AS measures USING (measure)
