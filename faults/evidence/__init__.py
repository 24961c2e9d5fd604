"""What follows from the journal: nothing here believes the rows."""
