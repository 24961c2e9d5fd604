"""
The other ways to use a task, as a session at Python's prompt.

What is printed is what is run: each line is compiled, shown and executed.
"""

from datetime import timedelta

from boogie.apps.tasks import batch
from demo.library.models import Document
from demo.library.tasks import analyse, announce, bind_pages, index, print_out
from demo.terminal import say

#: A task that is called runs here and now; the others run in the worker.
SESSION = """\
# call: here and now, with a row that keeps the result
analyse.call(document)
# paused, then run
row = analyse.paused(document, names=5)
row.status
row.run()
row.wait(timeout=60)["names"]
# schedule: two seconds from now
row = analyse.schedule(2, document)
row.wait(timeout=60)["lines"]
(row.started - row.created).total_seconds() >= 2
# unique="waiting": of calls that wait, one is enough
row = index.schedule(2, document)
again = index.delayed(document)
again == row, row.is_new, again.is_new
row.wait(timeout=60)
# limits=[Concurrency(1, by="object")]: one at a time, in the order in which they were made
rows = [print_out.delayed(document, page) for page in (1, 2, 3)]
[row.wait(timeout=60) for row in rows]
all(one.ended <= after.started for one, after in zip(rows, rows[1:]))
# using(after=rows): once all of them have finished, and it knows what they returned
bind_pages.using(after=rows).delayed(document).wait(timeout=60)
# batch: rows that belong together, and what is called when all of them have finished
with batch(document, "New edition", on_success=announce) as edition: index.delayed(document)
edition.wait(timeout=60).status, edition.progress.fraction
announce.tasks(document).latest().wait(timeout=60)
# repeat: a schedule, which needs no beat; the same call again finds it
nightly = index.repeat(timedelta(days=1), document)
index.repeat(timedelta(days=1), document) == nightly
nightly.run_now().wait(timeout=60) == row.result
# clean: delete the history of the document, but for its last result
analyse.tasks(document).count()
analyse.clean(document, keep_last=True)
analyse.results(document)
"""


def show_examples() -> None:
    """Run and print the session, on a document whose analysis has finished."""
    row = analyse.finished().in_order().first()
    document = Document.objects.get(pk=row.object_id)
    say(f"\nThe other ways, with document = <{document}>")
    tasks = analyse, announce, bind_pages, index, print_out
    names: dict[str, object] = {task.name.rpartition(".")[-1]: task for task in tasks}
    names |= {"batch": batch, "timedelta": timedelta, "document": document}
    for line in SESSION.splitlines():
        say(f"  >>> {line}" if not line.startswith("#") else f"  {line}")
        _run(line, names)


def _run(line: str, names: dict[str, object]) -> None:
    """Execute one line and print its value, as the prompt does."""
    try:
        code = compile(line, "<session>", "eval")
    except SyntaxError:
        exec(line, names)
        return
    value = eval(code, names)
    if value is not None:
        say(f"  {value!r}")
