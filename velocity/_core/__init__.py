"""The core: C behind thin Cython classes. Knows nothing of velocity.py, the layer above."""
