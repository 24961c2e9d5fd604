"""The app whose work every system does."""
