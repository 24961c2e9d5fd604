"""
Chains at work: who has finished lets those go on that are after it, and who looks after the rest.
"""
