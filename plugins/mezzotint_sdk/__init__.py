"""What every room of Mezzotint shares: wire messages, errors, paths; stdlib, msgspec and numpy only."""
