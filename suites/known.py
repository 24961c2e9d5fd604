"""
Tests that do not pass, and why not: of each suite, the end of a test's name.
"""

ON_REDIS_TOO = "fails on Redis as well"

CELERY = {
    "test_concurrency_auto_sizes_prefork_pool": (
        "starts a worker without an app, where nothing imports boogie.apps.tasks, and kombu knows "
        "no boogie://; with APP=boogie.apps.tasks in the environment it passes"
    ),
    "test_chord_header_id_duplicated_on_rabbitmq_msg_duplication": (
        "expects a broker that delivers twice; of Redis it expects to fail, and knows no other"
    ),
    "test_chord_on_error": ON_REDIS_TOO,
    "test_task_failed": ON_REDIS_TOO,
    "test_task_success": ON_REDIS_TOO,
}

DJANGO = {
    "test_cannot_get_result": "says what ImmediateBackend cannot do",
    "test_cannot_pass_run_after": "says what ImmediateBackend cannot do",
    "test_cannot_refresh_result": "says what ImmediateBackend cannot do",
    "DummyBackendTestCase::test_refresh_result": "changes a result in memory that is a row here",
    "test_refresh_result_async": "changes a result in memory that is a row here",
    "TaskTestCase::test_refresh_result": "asks the database in an event loop, by refresh()",
}

ITS_MODEL = "expects an exception of its model; ours is UnknownTask"

DJANGO_TASKS_DB = {
    "test_custom_id_function": "ids are made here, of version 7; there is no option for it",
    "test_unknown_id_function": "ids are made here, of version 7; there is no option for it",
    "test_postgres_db_id_function": "ids are made here, of version 7; there is no option for it",
    "test_index_scan_for_ready": "names an index of theirs",
    "test_complex_return_value": "looks for json's words; Django's own say Unsupported type",
    "test_task_import_string": "looks for ImportError; ours is UnknownTask, which says the same",
    "test_interrupt_signals": "Celery's worker ends with 1 after SIGINT, on Redis as well",
    "test_multiple_workers": "looks for a word in the output of db_worker; the rows are finished",
    "test_repeat_ctrl_c": "expects its own id of the worker; ours is longer",
    "test_run_after_priority": "expects the default order of its model",
    "DatabaseBackendTestCase::test_invalid_task_path": ITS_MODEL,
    "DatabaseBackendTestCase::test_missing_task_path": ITS_MODEL,
}

#: Of django-tasks-db; about options and words of the command ``db_worker``, which we do not have.
#: They are not run.
LEFT_OUT = (
    "test_unknown_backend",
    "test_incorrect_backend",
    "test_negative_interval",
    "test_infinite_interval",
    "test_fractional_interval",
    "test_negative_max_tasks",
    "test_too_long_worker_id",
    "test_empty_worker_id",
    "test_max_tasks",
    "test_doesnt_process_different_backend",
    "test_verbose_logging",
)


def reason(test: str, table: dict[str, str]) -> str:
    """Return why a test is known not to pass; '' if it is not known."""
    return next((why for name, why in table.items() if test.endswith(name)), "")
