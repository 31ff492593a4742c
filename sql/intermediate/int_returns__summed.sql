-- Local returns at every level: what an organisation returned itself, else the sum of what those below it returned.
--
-- Grain: one row per level, organisation, month and measure of which there is a return.
-- Key: org_level, org_code, month, measure
--
-- What a PCN or an ICB returns itself is never added to what its parts returned. Nothing is filled in for who did not
-- return: returned_by says whose returns stand behind a figure, so that like is compared with like.
WITH placed AS (
    SELECT
        org_level,
        org_code,
        pcn_code,
        icb_code,
        month,
        measure,
        numerator,
        CASE WHEN form IN ('mean', 'share') THEN denominator END AS denominator,
    FROM intermediate.int_returns__placed
    WHERE org_level IS NOT NULL
),

of_pcns AS (
    SELECT
        org_code AS pcn_code,
        icb_code,
        month,
        measure,
        numerator,
        denominator,
        org_code AS returned_by,
        1 AS returns_counted,
        TRUE AS is_own,
    FROM placed
    WHERE org_level = 'pcn'

    UNION ALL

    SELECT
        practices.pcn_code,
        pcns.icb_code,
        practices.month,
        practices.measure,
        sum(practices.numerator) AS numerator,
        sum(practices.denominator) AS denominator,
        string_agg(practices.org_code, ',' ORDER BY practices.org_code) AS returned_by,
        count(*) AS returns_counted,
        FALSE AS is_own,
    FROM placed AS practices
    LEFT JOIN intermediate.int_returns__organisations AS pcns ON practices.pcn_code = pcns.org_code
    LEFT JOIN placed AS own
        ON practices.pcn_code = own.org_code
        AND own.org_level = 'pcn'
        AND practices.month = own.month
        AND practices.measure = own.measure
    WHERE practices.org_level = 'practice' AND practices.pcn_code IS NOT NULL AND own.org_code IS NULL
    GROUP BY practices.pcn_code, pcns.icb_code, practices.month, practices.measure
),

-- PCNs, and practices that are in none.
below_icbs AS (
    SELECT
        icb_code,
        month,
        measure,
        numerator,
        denominator,
        returned_by,
        returns_counted,
    FROM of_pcns

    UNION ALL

    SELECT
        icb_code,
        month,
        measure,
        numerator,
        denominator,
        org_code AS returned_by,
        1 AS returns_counted,
    FROM placed
    WHERE org_level = 'practice' AND pcn_code IS NULL
),

of_icbs AS (
    SELECT
        org_code AS icb_code,
        month,
        measure,
        numerator,
        denominator,
        org_code AS returned_by,
        1 AS returns_counted,
        TRUE AS is_own,
    FROM placed
    WHERE org_level = 'icb'

    UNION ALL

    SELECT
        parts.icb_code,
        parts.month,
        parts.measure,
        sum(parts.numerator) AS numerator,
        sum(parts.denominator) AS denominator,
        string_agg(parts.returned_by, ',' ORDER BY parts.returned_by) AS returned_by,
        sum(parts.returns_counted) AS returns_counted,
        FALSE AS is_own,
    FROM below_icbs AS parts
    LEFT JOIN placed AS own
        ON parts.icb_code = own.org_code
        AND own.org_level = 'icb'
        AND parts.month = own.month
        AND parts.measure = own.measure
    WHERE parts.icb_code IS NOT NULL AND own.org_code IS NULL
    GROUP BY parts.icb_code, parts.month, parts.measure
),

below_all AS (
    SELECT
        month,
        measure,
        numerator,
        denominator,
        returned_by,
        returns_counted,
    FROM of_icbs

    UNION ALL

    SELECT
        month,
        measure,
        numerator,
        denominator,
        returned_by,
        returns_counted,
    FROM below_icbs
    WHERE icb_code IS NULL
),

of_all AS (
    SELECT
        month,
        measure,
        numerator,
        denominator,
        org_code AS returned_by,
        1 AS returns_counted,
        TRUE AS is_own,
    FROM placed
    WHERE org_level = 'all'

    UNION ALL

    SELECT
        parts.month,
        parts.measure,
        sum(parts.numerator) AS numerator,
        sum(parts.denominator) AS denominator,
        string_agg(parts.returned_by, ',' ORDER BY parts.returned_by) AS returned_by,
        sum(parts.returns_counted) AS returns_counted,
        FALSE AS is_own,
    FROM below_all AS parts
    LEFT JOIN placed AS own
        ON own.org_level = 'all' AND parts.month = own.month AND parts.measure = own.measure
    WHERE own.org_code IS NULL
    GROUP BY parts.month, parts.measure
),

every_level AS (
    SELECT
        'practice' AS org_level,
        org_code,
        month,
        measure,
        numerator,
        denominator,
        org_code AS returned_by,
        1 AS returns_counted,
        TRUE AS is_own,
    FROM placed
    WHERE org_level = 'practice'

    UNION ALL

    SELECT
        'pcn' AS org_level,
        pcn_code AS org_code,
        month,
        measure,
        numerator,
        denominator,
        returned_by,
        returns_counted,
        is_own,
    FROM of_pcns

    UNION ALL

    SELECT
        'icb' AS org_level,
        icb_code AS org_code,
        month,
        measure,
        numerator,
        denominator,
        returned_by,
        returns_counted,
        is_own,
    FROM of_icbs

    UNION ALL

    SELECT
        'all' AS org_level,
        'all' AS org_code,
        month,
        measure,
        numerator,
        denominator,
        returned_by,
        returns_counted,
        is_own,
    FROM of_all
)

SELECT
    every_level.org_level,
    every_level.org_code,
    every_level.month,
    every_level.measure,
    organisations.org_name,
    organisations.pcn_code,
    organisations.icb_code,
    organisations.region_code,
    measures.kind,
    measures.form,
    measures.unit,
    measures.direction,
    every_level.numerator,
    every_level.denominator,
    every_level.returned_by,
    CAST(every_level.returns_counted AS BIGINT) AS returns_counted,
    every_level.is_own,
FROM every_level
LEFT JOIN intermediate.int_organisations__attributes AS organisations USING (org_level, org_code)
INNER JOIN reference.local_measures AS measures USING (measure)
