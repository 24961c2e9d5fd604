from django.apps import AppConfig


class BlogConfig(AppConfig):
    name = "tests.project.blog"
    label = "blog"
