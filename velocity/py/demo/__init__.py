"""The demonstration: a job scheduler whose worker process is killed half way.

jobs.py makes or reads the jobs, worker.py is the process that owns the database, scheduler.py
starts, watches and kills it, proof.py shows afterwards that every job ran exactly once.
"""
