"""How ``boogie://`` looks in Celery's banner and log."""

from kombu import Connection


def test_boogie_is_shown_as_it_is_written():
    assert Connection("boogie://").as_uri() == "boogie://"
    assert Connection("boogie://").as_uri(include_password=True) == "boogie://"


def test_nobody_warns_of_a_missing_host(caplog):
    connection = Connection("boogie://")
    connection.info()
    connection.clone().connect()
    assert not caplog.records
