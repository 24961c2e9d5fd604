"""What bodies did, and what follows from it: nothing here believes the rows."""
