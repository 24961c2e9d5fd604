"""
Faults against real processes, and what became of the rows.

``make faults`` runs every fault on several databases and brokers and writes the
table of the documentation; ``make chaos`` does all of them at random. Nothing
here believes the rows: bodies write down when they begin and end (``journal``),
and from that it is counted what was lost, what overlapped, what happened twice. Servers,
processes and waiting are those of the tests: ``tests.support``.

====================  ==========================================================
``journal``           what bodies did, by one clock
``evidence/``         what follows from it
``legs``              one database and one broker, and how to hurt them
``victims``           workers and how to hurt them
``scene``             what every fault works with
``catalogue``         the faults: their names, and where they can be made
``kinds/``            how each kind of them is made
``playing``           a scene from its beginning to its end, and what is said of it
``runner``            ``python -m faults.runner``: the faults on one leg
``chaos``             all of them at random
``control/``          the same on plain Celery, where they must be noticed
``table``             the table of the documentation
====================  ==========================================================
"""
