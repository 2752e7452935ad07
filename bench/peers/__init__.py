"""The stores that are compared, each behind the same small face (face.py) and in its own process.

Only stores of one durability class are compared with each other; the classes are in face.py.
"""
