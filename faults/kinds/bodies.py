"""Rows that cannot be run, or whose outcome cannot be stored."""

from boogie.apps.tasks import Task
from faults.lab import tasks
from faults.scene import Scene


def renamed(scene: Scene) -> None:
    """
    A deploy renames a task, first carelessly, then with an alias.

    The first leaves failed rows that say why; a retry after the second runs them.
    """
    number = max(2, scene.runs // 2)
    rows = [_under_the_old_name(scene) for _ in range(number)]
    scene.injected(number)
    careless = scene.worker(FAULTS_VERSION="careless")
    scene.end()
    for row in rows:
        row.refresh_from_db()
        error = row.error or ""
        scene.expect(row.is_failed and error.startswith("UnknownTask"), f"{row}: {error}")
    careless.stop()
    scene.worker()
    keys = [row.pk for row in rows]
    scene.expect(Task.objects.filter(pk__in=keys).retry() == number, "not all could be retried")
    rows += [_under_the_old_name(scene) for _ in range(number)]
    scene.end()
    finished = Task.objects.filter(pk__in=[row.pk for row in rows], status="finished").count()
    scene.expect(finished == 2 * number, f"{2 * number - finished} rows did not finish")


def _under_the_old_name(scene: Scene) -> Task:
    """Enqueue what a producer of the old version does."""
    row = tasks.renamed.paused(scene.thing())
    Task.objects.filter(pk=row.pk).update(name=tasks.OLD)
    row.refresh_from_db()
    row.run()
    return row


def deleted(scene: Scene) -> None:
    """Objects go while their rows wait, and while their bodies run."""
    scene.worker(concurrency=2)
    number = max(1, scene.runs // 2)
    freed = scene.leg.directory / f"{scene.outcome.fault}-freed"
    busy = [tasks.hold.delayed(scene.thing(), str(freed)) for _ in range(2)]
    scene.begin(busy)
    queued = [tasks.work.delayed(scene.thing()) for _ in range(number)]
    for row in queued:
        row.object.delete()
    freed.touch()
    running = []
    for _ in range(number):
        (row,) = scene.enqueue(1, 0.5, body=tasks.exact)
        scene.begin([row])
        row.object.delete()
        running.append(row)
    scene.injected(2 * number)
    scene.end()
    errors = [row.error or "" for row in Task.objects.filter(pk__in=[row.pk for row in queued])]
    scene.expect(all(e.startswith("ObjectGone") for e in errors), f"errors {set(errors)}")
    ended = Task.objects.filter(pk__in=[row.pk for row in running], status="finished").count()
    scene.expect(ended == number, "a body that ran was disturbed")


def unserializable(scene: Scene) -> None:
    """Results and exceptions that nothing can hold: the row fails and says what it was."""
    scene.worker(concurrency=2)
    rows = []
    for _ in range(max(1, scene.runs // 5)):
        rows += [tasks.returns.delayed(scene.thing(), w) for w in ("lock", "text", "number")]
        rows += [tasks.raises.delayed(scene.thing(), w) for w in ("awkward", "text", "huge")]
    scene.injected(len(rows))
    scene.end()
    for row in Task.objects.all():
        expected = {
            tasks.returns.name: ("ResultError",),
            tasks.raises.name: ("Awkward", "ValueError"),
        }[row.name]
        kind = (row.error or "").partition(":")[0]
        scene.expect(row.is_failed and kind in expected, f"{row}: {kind}")
        scene.expect(row.attempt == 1, f"{row} ran {row.attempt} times")
