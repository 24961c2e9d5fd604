"""From records to what the documentation shows."""
