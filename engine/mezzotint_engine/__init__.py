"""Mezzotint's engine: the server, its workers and what they run."""
