"""
All that depends on the database: columns, compiled statements, clock, outages. No models.
"""
