"""
Making rows: one, many; checked, inserted, and rung for on commit.
"""
