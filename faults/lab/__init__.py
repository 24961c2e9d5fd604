"""The Django app whose tasks are hurt: things, their effects, and bodies that keep a journal."""
