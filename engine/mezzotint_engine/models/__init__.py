"""Models: what lies in a folder (read without torch), loading it, and keeping it loaded."""
