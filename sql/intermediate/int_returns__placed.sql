-- Local returns and surveys with the place of who returned them, and what the measure is.
--
-- Grain: one row per month, organisation and measure that was returned.
-- Key: month, org_code, measure
--
-- org_level is NULL where no loaded data knows the organisation. numerator is what adds up: a mean enters as mean times
-- answers.
SELECT
    returned.month,
    returned.org_code,
    returned.measure,
    organisations.org_level,
    organisations.org_name,
    organisations.pcn_code,
    organisations.icb_code,
    measures.title,
    measures.kind,
    measures.form,
    measures.unit,
    measures.direction,
    returned.value,
    returned.denominator,
    CASE
        WHEN measures.form = 'mean' THEN CAST(returned.value * returned.denominator AS DECIMAL(30, 6))
        WHEN measures.form IN ('count', 'share', 'amount') THEN CAST(returned.value AS DECIMAL(30, 6))
    END AS numerator,
    returned.note,
FROM staging.stg_returns__local AS returned
LEFT JOIN intermediate.int_returns__organisations AS organisations USING (org_code)
LEFT JOIN reference.local_measures AS measures USING (measure)
