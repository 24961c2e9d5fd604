"""
Declaring tasks: ``BoogieTask``, ``@task``, and what a task offers.
Imports no model when it is imported.
"""
