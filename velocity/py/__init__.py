"""The Python layer: configuration, documents, transactions, asyncio, command line.

It stands on velocity._core and is re-exported by `velocity`, which is where programs import from.
"""
