"""Metrics of a run: collected without waiting, written to files, then told to whoever watches."""
