"""Curves and bars that follow a run."""
