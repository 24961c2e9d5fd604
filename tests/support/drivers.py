"""PyMySQL in the place of the driver that Django knows."""


def use_pymysql() -> None:
    """Let Django, which asks for a version that PyMySQL does not say it is, take it."""
    import pymysql

    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
