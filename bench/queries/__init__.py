"""Queries beside SQLite, DuckDB, and what a program does with dicts: the speeds asked for."""
