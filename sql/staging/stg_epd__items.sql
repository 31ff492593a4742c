-- Rows of the English Prescribing Dataset: items of a presentation by practice, month and quantity per item.
--
-- Grain: one row per row of the source.
-- Key: item_id
-- Kind: view
--
-- quantity stands per item: the total is quantity x items where the source does not bring it.
SELECT
    left(file_sha256, 12) || ':' || CAST(source_row AS VARCHAR) AS item_id,
    CAST(month AS DATE) AS month,
    nullif(practice_code, '-') AS practice_code,
    coalesce(bnf_code, '') AS bnf_code,
    coalesce(bnf_description, '') AS bnf_description,
    CAST(CAST(replace(items, ',', '') AS DECIMAL(18, 0)) AS INTEGER) AS items,
    coalesce(
        CAST(replace(total_quantity, ',', '') AS DECIMAL(18, 4)),
        CAST(
            CAST(replace(quantity, ',', '') AS DECIMAL(18, 4)) * CAST(replace(items, ',', '') AS DECIMAL(18, 4))
            AS DECIMAL(18, 4)
        )
    ) AS total_quantity,
    CAST(replace(replace(nic, ',', ''), '£', '') AS DECIMAL(18, 4)) AS nic_gbp,
FROM raw.epd
