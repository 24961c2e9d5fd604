"""``python -m demo``: set Django up, then run. Nothing else may be here."""

import os
import sys

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings"
    django.setup()

    from demo.run import main

    sys.exit(main())
