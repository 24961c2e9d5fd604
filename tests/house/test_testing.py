"""What the tests of a project get, by ``manage.py test`` and by pytest, without any setting."""

import pytest

from tests.support import small_tests

#: When a test began, for every kind of test case, whatever was made before.
UNITTEST = """
    from django.db import transaction
    from django.test import LiveServerTestCase, TestCase, TransactionTestCase

    from after.tasks import in_tasks
    from before.models import Note, shout
    from boogie.apps.tasks import Task, task
    from boogie.apps.tasks.testing import assert_made, assert_not_made, made, run_tasks


    class Shared(TestCase):
        @classmethod
        def setUpTestData(cls):
            cls.note = Note.objects.create(text="ha")
            cls.before = in_tasks.delayed(cls.note)

        def setUp(self):
            self.own = shout.delayed(self.note)

        def test_one(self):
            self.assertEqual(list(made()), [self.own])
            self.assertEqual(Task.objects.count(), 2)
            assert_made(shout, self.note)
            assert_not_made(in_tasks)
            self.assertEqual(run_tasks()["finished"], 2)
            self.assertEqual(assert_made(shout, self.note).get_result(), "HA")

        def test_two(self):
            self.test_one()

        def test_sub(self):
            for number in range(3):
                with self.subTest(number):
                    in_tasks.delayed(self.note, number)
            assert_made(in_tasks, count=3)


    class Committed(TransactionTestCase):
        def setUp(self):
            self.note = Note.objects.create(text="ha")

        def test_one(self):
            with transaction.atomic():
                row = in_tasks.delayed(self.note, times=2)
            self.assertEqual(assert_made(in_tasks, self.note, 2), row)
            self.assertEqual(run_tasks()["finished"], 1)
            assert_made(in_tasks, self.note, times=2, status="finished")

        test_two = test_one


    class Live(LiveServerTestCase):
        def test_one(self):
            row = in_tasks.delayed(Note.objects.create(text="ha"))
            self.assertEqual(list(made()), [row])


    class Async(TestCase):
        async def test_one(self):
            from asgiref.sync import sync_to_async

            from boogie.apps.tasks.testing import arun_tasks

            note = await Note.objects.acreate(text="ha")
            row = await sync_to_async(in_tasks.delayed)(note)
            self.assertEqual((await arun_tasks())["finished"], 1)
            await row.arefresh_from_db()
            self.assertEqual(row.result, "ha")
            self.assertEqual([each async for each in made()], [row])

        async def test_a_body_that_waits_for_coroutines(self):
            from asgiref.sync import sync_to_async

            from boogie.apps.tasks.testing import arun_tasks

            note = await Note.objects.acreate(text="ha")
            row = await sync_to_async(waits.delayed)(note)
            self.assertEqual((await arun_tasks())["finished"], 1)
            await row.arefresh_from_db()
            self.assertEqual(row.result, 2)


    @task
    def waits(note):
        from asgiref.sync import async_to_sync

        async def counted():
            await Note.objects.acreate(text="another")
            return await Note.objects.acount()

        return async_to_sync(counted)()
"""


@pytest.mark.parametrize("options", [(), ("--parallel", "2"), ("--reverse",)], ids=str)
def test_django_test_cases_by_manage_py(tmp_path, options):
    folder = small_tests.project(tmp_path, UNITTEST)
    code, output = small_tests.manage(folder, *options)
    assert (code, "Ran 8 tests" in output) == (0, True), output


def test_the_database_of_an_earlier_session_may_be_kept(tmp_path):
    folder = small_tests.project(tmp_path, UNITTEST)
    for _ in range(2):
        code, output = small_tests.manage(folder, "--keepdb")
        assert code == 0, output


def test_django_test_cases_by_pytest(tmp_path):
    folder = small_tests.project(tmp_path, UNITTEST)
    code, output = small_tests.by_pytest(folder)
    assert (code, "8 passed" in output) == (0, True), output


PYTEST = """
    import datetime

    import pytest

    from after.tasks import in_tasks
    from before.models import Note
    from boogie.apps.tasks.db import clock


    @pytest.fixture
    def note(db):
        return Note.objects.create(text="ha")


    def test_rows_run(note, run_tasks, made_tasks):
        row = in_tasks.delayed(note)
        assert made_tasks(in_tasks).get() == row
        assert run_tasks() == {"finished": 1, "failed": 0, "cancelled": 0, "retried": 0}


    @pytest.mark.parametrize("turn", [1, 2])
    def test_the_clock_is_given_back(db, boogie_clock, turn):
        start = clock.read("default")
        assert start.year != 2041
        boogie_clock.travel(datetime.timedelta(days=1))
        assert clock.read("default") - start > datetime.timedelta(hours=23)
        boogie_clock.freeze(datetime.datetime(2041, 1, 1, tzinfo=datetime.UTC))
        boogie_clock.travel(60)
        assert clock.read("default") == datetime.datetime(2041, 1, 1, 0, 1, tzinfo=datetime.UTC)


    @pytest.mark.django_db(transaction=True)
    def test_nothing_is_published(made_tasks):
        in_tasks.delayed(Note.objects.create(text="ha"))
        from boogie.apps.tasks.broker.connection import broker_pool
        assert not broker_pool.is_broken
        assert broker_pool._connections is None
        assert made_tasks().due().count() == 1
"""


def test_fixtures_of_the_plugin(tmp_path):
    folder = small_tests.project(tmp_path, PYTEST)
    code, output = small_tests.by_pytest(folder)
    assert (code, "4 passed" in output) == (0, True), output


@pytest.mark.parametrize("options", [("-p", "no:django"), ()], ids=["no pytest-django", "with"])
def test_the_plugin_harms_nobody_who_has_no_settings(tmp_path, options):
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\n"
        "def test_plain():\n"
        "    from django.conf import settings\n"
        "    assert not settings.configured\n"
        "    assert 'boogie.apps.tasks.models' not in sys.modules\n"
    )
    code, output = small_tests.by_pytest(tmp_path, *options, DJANGO_SETTINGS_MODULE="")
    assert (code, "1 passed" in output) == (0, True), output


def test_without_the_plugin_nothing_else_changes(tmp_path):
    tests = UNITTEST + "\n    def test_fixture(run_tasks):\n        pass\n"
    folder = small_tests.project(tmp_path, tests)
    name = "no:boogie.apps.tasks.testing.plugin"
    code, output = small_tests.run(folder, "-m", "pytest", "-p", name, "-q")
    assert (code, "8 passed" in output, "fixture 'run_tasks' not found" in output) == (
        1,
        True,
        True,
    )
