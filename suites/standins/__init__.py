"""
A Django app with what tests of others name and we have by other names: backends, a model, a
command.
"""
