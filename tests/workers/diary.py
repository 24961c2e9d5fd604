"""What bodies did that somebody cancels: they write it down in a file, not in the database."""

from boogie.apps.tasks import Task
from tests.project.shop import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until


class Diary:
    """Lines of a word and the id of the process that wrote it down."""

    def __init__(self, path):
        self.path = path

    @property
    def lines(self):
        text = self.path.read_text() if self.path.exists() else ""
        return [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def pids(self, word):
        return [int(pid) for said, pid in self.lines if said == word]

    def until(self, word, times=1):
        return wait_until(lambda: self.pids(word)[times - 1 :], PATIENCE)


def start(body, product, diary):
    """Begin a run, and return its row when its body is running."""
    before = len(diary.pids("begun"))
    row = body.delayed(product, str(diary.path))
    diary.until("begun", before + 1)
    row.refresh_from_db()
    assert row.is_running
    return row


def worker_goes_on(product):
    """Run one more row; what the worker did before is settled when it ends."""
    return tasks.name_of.delayed(product).wait(PATIENCE)["pid"]


def assert_cancelled_and_untouched(row):
    """The row is as ``cancel()`` left it."""
    (stored,) = Task.objects.filter(pk=row.pk).values()
    expected = {"status": "cancelled", "result": None, "errors": [], "attempt": 1, "retries": 0}
    assert {name: stored[name] for name in expected} == expected
    assert (stored["losses"], stored["terminate"]) == (0, False)
    assert stored["ended"] == row.ended
