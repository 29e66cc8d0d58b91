"""The numbers that Mezzotint promises, measured on this machine: `python -m tests.benchmarks`."""
