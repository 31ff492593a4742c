"""Files → landed Parquet, all text: recognise, keep, pass the door, land, reconcile, quarantine."""
