"""
The pages of batches: the list, and one batch with its rows. Verbs are those of rows.
"""
