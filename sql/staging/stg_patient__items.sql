-- Dispensed items of patients, as a patient-level extract brings them.
--
-- Grain: one row per row of the source.
-- Key: item_id
-- Kind: view
--
-- item_id names the file (first 12 digits of its SHA-256) and the line, so that a figure leads back to its row.
-- patient_key is NULL where the source could not identify the patient, or the NHS number is not valid.
-- quantity stands per item: the total is quantity x items where the source does not bring it.
SELECT
    left(file_sha256, 12) || ':' || CAST(source_row AS VARCHAR) AS item_id,
    CAST(month AS DATE) AS month,
    nullif(practice_code, '-') AS practice_code,
    nullif(registered_practice_code, '-') AS registered_practice_code,
    patient_key,
    identity_status,
    CAST(replace(age, ',', '') AS INTEGER) AS age,
    sex,
    CAST(imd_decile AS INTEGER) AS imd_decile,
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
    -- A day that is not in the calendar is no date: what rests on it says that it is missing.
    TRY_CAST(
        substr(replace(dispensed_date, '-', ''), 1, 4) || '-' || substr(replace(dispensed_date, '-', ''), 5, 2) || '-'
        || substr(replace(dispensed_date, '-', ''), 7, 2) AS DATE
    ) AS dispensed_date,
    nullif(CAST(replace(days_supply, ',', '') AS INTEGER), 0) AS days_supply,
FROM raw.patient_items
