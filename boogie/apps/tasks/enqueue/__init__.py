"""
Making rows, one or many: checked, and inserted in the transaction of the caller.
"""
