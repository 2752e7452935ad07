"""A long mixed load on one database, checked against plain dicts: `make soak`, docs/testing.md."""
