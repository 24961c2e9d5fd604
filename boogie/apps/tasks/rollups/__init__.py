"""Figures of what has ended: how they are counted from rows, and what is read from the counts."""
