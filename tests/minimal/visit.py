"""
What a request would do: make a user, delay a task about it, start a plain task.

``python -m tests.minimal.visit`` prints what came of both, as JSON.
"""

import json


def main():
    import django

    django.setup()

    from django.contrib.auth.models import User

    from tests.minimal.tasks import greet, rename
    from tests.support.waiting import wait_until

    user = User.objects.create_user("Ada")
    row = greet.delayed(user, word="Welcome")
    result = row.wait(60)
    rename.delay(user.pk, "Grace")
    wait_until(User.objects.filter(username="Grace").exists)
    print(json.dumps({**result, "worker": row.worker, "app": greet.app.main}))


if __name__ == "__main__":
    main()
