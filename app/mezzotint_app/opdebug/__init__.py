"""The op debugger in the window: tables, trees, source, console and tensors of a stop."""
