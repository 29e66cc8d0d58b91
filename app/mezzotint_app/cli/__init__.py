"""The command line: Qt-free, on the client alone, and quick: a command imports what it needs when it runs."""
