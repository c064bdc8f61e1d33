"""The External Data Interface's edges: data pushed to us by HTTP, data pulled by us on a period.

What endpoints there are, and whom their data is for, is decided in `managers.endpoints`.
"""
