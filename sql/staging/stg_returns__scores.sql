-- Mean scores that patients reported before and after, as they were returned.
--
-- Grain: one row per month, organisation and instrument.
-- Key: month, org_code, instrument
-- Kind: view
SELECT
    CAST(month AS DATE) AS month,
    organisation AS org_code,
    instrument,
    CAST(n AS BIGINT) AS n,
    CAST(mean_before AS DECIMAL(18, 6)) AS mean_before,
    CAST(mean_after AS DECIMAL(18, 6)) AS mean_after,
    CAST(sd_before AS DECIMAL(18, 6)) AS sd_before,
    CAST(sd_after AS DECIMAL(18, 6)) AS sd_after,
    CAST(sd_change AS DECIMAL(18, 6)) AS sd_change,
    CAST(change_low AS DECIMAL(18, 6)) AS returned_low,
    CAST(change_high AS DECIMAL(18, 6)) AS returned_high,
    note,
FROM raw.returned_patient_reported_scores
