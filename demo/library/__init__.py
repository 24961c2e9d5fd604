"""A library of source files: an app whose tasks are about its documents."""
