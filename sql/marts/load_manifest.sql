-- Where the data came from: every file and month that was landed, and what became of its rows.
--
-- Grain: one row per file and month; month is NULL for references without one and for rows whose month is unreadable.
-- Key: sha256, month
--
-- rows_read = rows_loaded + rows_out_of_scope + rows_quarantined + rows_duplicate, checked at landing and in every build.
-- rows_opted_out are those out of scope that were left out because their person opted out or was erased.
-- is_current is FALSE where a later delivery has replaced that source and month.
--
-- Columns:
--   file_name: Name of the file as it was delivered.
--   is_current: TRUE: its rows of this month are in the warehouse; FALSE: a later delivery has replaced them.
--   layout: Layout it was read by, a file of configs/sources/.
--   month: First day of the month. NULL: a reference without months, or rows whose month is unreadable.
--   quantity_loaded: Sum of the quantities of the loaded rows. NULL: no quantity in this layout.
--   rows_duplicate: Rows that stand in the file more than once and were taken once.
--   rows_loaded: Rows that are in the warehouse.
--   rows_opted_out: Of rows_out_of_scope, those left out because their person opted out or was erased.
--   rows_out_of_scope: Rows of products that nobody follows, and of people who opted out.
--   rows_quarantined: Rows that could not be read; kept apart with their reason.
--   rows_read: Data rows of the file, header and footer not counted.
--   source: What the layout feeds: patient_items, epd, bnf_presentations, list_sizes, epraccur, epcn, practice_map,
--     sub_icb_icb, practice_successors, practice_imd or nhs_number_list.
--   total_quantity: Sum of the quantities of all rows read. NULL: no quantity in this layout.
--   values_blanked: Values of no consequence for a dose that could not be read, and were left blank.
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
FROM intermediate.int_register__file_months
