-- Which share of a practice's opioid items could be told whose they are.
--
-- Grain: one row per practice and month of patient data; practice "-" is what is in no practice.
-- Key: practice_code, month
SELECT
    coalesce(practice_code, '-') AS practice_code,
    month,
    -- Of nobody is 0: a practice whose items name no patient at all has a share, of nought.
    CAST(coalesce(sum(items) FILTER (patient_key IS NOT NULL), 0) AS BIGINT) AS identified_items,
    CAST(sum(items) AS BIGINT) AS items,
FROM intermediate.int_items__ome
WHERE source = 'patient'
GROUP BY ALL
