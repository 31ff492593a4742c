-- What landing counted in each month of each file.
--
-- Grain: one row per file and month.
-- Key: sha256, month
-- Kind: view
SELECT
    file_name,
    sha256,
    layout,
    source,
    month,
    rows_read,
    rows_loaded,
    rows_out_of_scope,
    rows_quarantined,
    rows_duplicate,
    total_quantity,
    quantity_loaded,
    values_blanked,
    rows_opted_out,
    is_current,
FROM staging.stg_register__file_months
