"""ColonyOS's database interface on VelocityDB: ColonyOSAdapter, its types and constants."""
