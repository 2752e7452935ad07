"""The types of ColonyOS, as dataclasses that read and write its JSON."""
