"""
Functions of Django Tasks: found by their names, and told of rows as that library has it. No
statements, and no models; the library is imported where one of its functions is met.
"""
