"""
Pages that show rows as they are now: who may watch what, and what they are told.
"""
