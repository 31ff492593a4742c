"""Pure statistics on arrays: intervals, aims, process control, comparison. No database, no files."""
