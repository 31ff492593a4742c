-- Where the data came from: every file and month that was landed, and what became of its rows.
--
-- Grain: one row per file and month; month is NULL for references without one and for rows whose month is unreadable.
-- Key: sha256, month
--
-- rows_read = rows_loaded + rows_out_of_scope + rows_quarantined + rows_duplicate, checked at landing and in every build.
-- is_current is FALSE where a later delivery has replaced that source and month.
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
    is_current,
FROM intermediate.int_register__file_months
