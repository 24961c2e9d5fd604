"""
What templates of projects load: ``{% load boogie_tasks %}``.
"""
