"""From NHS prescribing extracts to safer opioid care."""
