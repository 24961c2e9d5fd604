"""
What travels between processes: JSON both ways, and references to objects. No queries.
"""
