"""
The main job on real input: analyse every source file of Python's standard library.

``make demo`` runs it. To learn how a project uses Boogie, read in this order:
``library/models.py`` (what the tasks are about), ``library/tasks.py`` (a task),
``settings.py`` (what a project configures) and ``run.py`` (how tasks are used).
"""
