-- Local returns and surveys as they were returned: a figure of an organisation and month.
--
-- Grain: one row per month, organisation and measure.
-- Key: month, org_code, measure
-- Kind: view
SELECT
    CAST(month AS DATE) AS month,
    organisation AS org_code,
    measure,
    CAST(value AS DECIMAL(18, 6)) AS value,
    CAST(denominator AS DECIMAL(12, 0)) AS denominator,
    note,
FROM raw.returned_local_returns

UNION ALL

SELECT
    CAST(month AS DATE) AS month,
    organisation AS org_code,
    measure,
    CAST(value AS DECIMAL(18, 6)) AS value,
    CAST(responses AS DECIMAL(12, 0)) AS denominator,
    note,
FROM raw.returned_surveys
