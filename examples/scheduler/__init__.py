"""A small scheduler in one Python program, on an embedded database.

    python -m examples.scheduler [--dir DATA] [--jobs N]

jobs.py is what executors can do, executors.py the threads and asyncio tasks that do it, wakeup.py
how they hear of work, server.py what is done by the clock, progress.py what one sees, and
__main__.py submits the work and checks what came of it.
"""
