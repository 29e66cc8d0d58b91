"""Observable state on QtCore, with no widgets: what the window shows and what users may do to it."""
