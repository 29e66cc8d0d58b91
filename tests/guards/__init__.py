"""What every test is watched for, one guard a file; `tests/conftest.py` turns them all on.

A test fails when it leaves a thread, an active QTimer, a process or a listening socket behind, or when
something was logged at WARNING or above that it did not ask for. Guards are cheap when there is nothing to
find: they read /proc or a set of their own, and import Qt or psutil only to look closer.
"""
