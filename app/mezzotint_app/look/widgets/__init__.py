"""Widgets of general use, one small file each. They know the theme, but nothing of runs or engines."""
