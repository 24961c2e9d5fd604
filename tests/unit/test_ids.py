"""Row ids: UUIDs of version 7, in order within a process."""

import itertools
import threading
import time
import uuid

from boogie.apps.tasks.db import ids
from boogie.apps.tasks.db.ids import uuid7


def test_an_id_is_a_uuid_of_version_7():
    for _ in range(100):
        value = uuid7()
        assert value.version == 7
        assert value.variant == uuid.RFC_4122


def test_an_id_begins_with_the_milliseconds_since_1970():
    before = time.time_ns() // 1_000_000
    value = uuid7()
    after = time.time_ns() // 1_000_000
    assert before <= value.int >> 80 <= after + 1


def test_ids_made_one_after_the_other_ascend():
    ids = [uuid7() for _ in range(20_000)]
    assert all(a < b for a, b in itertools.pairwise(ids))
    assert [str(i) for i in ids] == sorted(str(i) for i in ids)


def test_ids_ascend_also_when_the_clock_goes_back(monkeypatch):
    first = uuid7()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1)
    assert first < uuid7() < uuid7()


def test_threads_never_share_an_id_and_each_sees_its_own_ascend():
    start = threading.Barrier(8)
    made = [[] for _ in range(8)]

    def make(ids):
        start.wait()
        ids.extend(uuid7() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(ids,)) for ids in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == sorted(ids) for ids in made)
    assert len({i.int >> 64 for ids in made for i in ids}) == 16_000


def test_ids_of_two_processes_differ_in_62_random_bits(monkeypatch):
    tails = {uuid7().int & (1 << 62) - 1 for _ in range(1_000)}
    assert len(tails) == 1_000
    assert max(tails) > 1 << 61
