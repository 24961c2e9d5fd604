"""
Faults against real processes, and what became of the rows.

``make faults`` runs every fault on several databases and brokers and writes the
table of the documentation; ``make chaos`` does all of them at random. Nothing
here believes the rows: bodies write down when they begin and end (``journal``),
and from that it is counted what was lost, what overlapped, what happened twice.

====================  ==========================================================
``journal``           what bodies did, by a clock that all processes share
``figures``           what follows from it
``servers``, ``proxy``  servers of our own, and lines to others, that may be hurt
``legs``              one database and one broker, and how to hurt them
``processes``         workers and how to hurt them
``scene``             what every fault works with
``scenes/``           the faults
``leg``               ``python -m faults.runner``: the faults on one leg
``chaos``             all of them at random
``control/``          the same on plain Celery, where they must be noticed
``table``             the table of the documentation
====================  ==========================================================
"""
