"""
A fleet on one machine: what many workers and clients ask of a database, and how fast it is then.

Each process here is one worker or one client with the real keeper, consumer and statements of
Boogie, and no Celery worker around them: of these few fit on a machine.
"""
