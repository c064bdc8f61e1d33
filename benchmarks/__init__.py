"""What the figures of the README are measured with: `python -m benchmarks NAME --engine ENGINE`.

Each module but `result` and `engines` is a benchmark: its `run(engine)` gives a `Result`.
"""
