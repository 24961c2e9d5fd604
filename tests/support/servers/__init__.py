"""Servers of our own, and lines to those of others: they may be hurt, and are gone at the end."""
