"""ColonyOSAdapter beside PostgreSQL with ColonyOS's own tables: adding, finding, assigning processes."""
