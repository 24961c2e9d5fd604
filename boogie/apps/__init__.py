"""The applications of django-boogie."""
