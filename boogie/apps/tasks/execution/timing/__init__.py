"""
Time limits of a body: how long it has until one strikes, and what is looked at when one has.
"""
