def write_reports(file, snapshot_id, reports_dir, settings, data):
    return []
