"""
Fed to ``manage.py shell``: runs what a reader would type there, and compares the output.

``STEPS`` is put in front: a list of ``(where, language, source)``.
"""

import doctest
import sys

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(steps):
    """Run the steps in one namespace; return the number of failures."""
    namespace = {"__name__": "__console__"}
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for where, language, source in steps:
        if language == "python":
            exec(compile(source, where, "exec"), namespace)
            continue
        test = doctest.DocTestParser().get_doctest(source, {}, where, where, 0)
        test.globs = namespace
        if not test.examples:
            raise ValueError(f"{where} has no >>> lines")
        runner.run(test, clear_globs=False)
    return runner.summarize(verbose=False).failed


sys.exit(1 if run(STEPS) else 0)  # noqa: F821
