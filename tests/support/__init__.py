"""What the tests share: databases in every mode, a plain model, child processes, files, faults."""
