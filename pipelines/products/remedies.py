"""What to do about an item without a dose: which row to add to which table."""

_REMEDIES = {
    "strength_unknown": "add the product to presentations.csv with its strength and a source",
    "factor_missing": "add a factor for its drug and route to ome_factors.csv",
    "excluded_by_factor_set": "none: the factor set leaves the drug out on purpose",
    "wear_time_unknown": "add brand and strength to patch_wear.csv once the wear time is verified",
    "unit_ambiguous": "none until the source says what its quantity counts; check these patients' records",
    "quantity_missing": "ask for an extract with quantities",
    "quantity_not_positive": "none: nothing was dispensed, or the source is wrong; check the record",
    "reversal_netted": "none: its quantity is taken off the item it reverses",
}


def remedy_for(ome_status: str) -> str:
    """The remedy for a status, in words."""
    return _REMEDIES[ome_status]
