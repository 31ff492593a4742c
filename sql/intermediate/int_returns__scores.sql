-- Scores before and after, with who returned them and which way is better.
--
-- Grain: one row per month, organisation and instrument.
-- Key: month, org_code, instrument
SELECT
    scores.month,
    scores.org_code,
    scores.instrument,
    organisations.org_level,
    organisations.org_name,
    organisations.pcn_code,
    organisations.icb_code,
    instruments.title,
    instruments.direction,
    scores.n,
    scores.mean_before,
    scores.mean_after,
    scores.sd_before,
    scores.sd_after,
    scores.sd_change,
    scores.returned_low,
    scores.returned_high,
    scores.note,
FROM staging.stg_returns__scores AS scores
LEFT JOIN intermediate.int_returns__organisations AS organisations USING (org_code)
LEFT JOIN reference.instruments AS instruments USING (instrument)
