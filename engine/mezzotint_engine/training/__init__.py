"""Training jobs, checkpoints and the recipes of the bundled models."""
