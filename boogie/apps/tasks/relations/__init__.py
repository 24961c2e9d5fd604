"""
Rows beside the objects that they are about, in queries of the project's own models.

Nothing here inserts or moves a row, and nothing imports a model when it is imported.
"""
