"""
A table of a million rows: how it is filled, what pages read of it, and how long that takes.

``make million`` fills a database of the test project's and measures every read on it.
"""
