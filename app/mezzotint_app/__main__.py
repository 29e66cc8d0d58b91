"""`python -m mezzotint_app` is the `mezzotint` command."""

from __future__ import annotations

import sys

from mezzotint_app.bootstrap import main

sys.exit(main())
