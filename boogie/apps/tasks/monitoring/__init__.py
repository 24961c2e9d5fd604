"""
How the whole is: what is counted and measured, for people and for probes.
"""
