"""`python -m mezzotint_engine.worker --endpoint ENDPOINT --worker-id ID`, as the server starts it.

With `MEZZOTINT_SERVER_KEY`, `MEZZOTINT_CLIENT_PUBLIC` and `MEZZOTINT_CLIENT_SECRET` in the environment the
connection uses CURVE. Standard input must be a pipe that the server holds open: when it closes, the worker
ends.
"""

from __future__ import annotations

import argparse
import os

from mezzotint_engine.worker.process_end import end_process_tree, watch_standard_input
from mezzotint_engine.worker.stray_output import prepare_environment, silence_standard_output
from mezzotint_sdk.openmp import prepare_openmp


def main() -> None:
    parser = argparse.ArgumentParser(prog="mezzotint_engine.worker")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--worker-id", required=True)
    arguments = parser.parse_args()
    silence_standard_output()
    watch_standard_input()
    prepare_environment(os.environ)
    prepare_openmp(os.environ)
    # after the environment is prepared: these import torch and diffusers, which read it once
    from mezzotint_engine.worker.control_thread import CurveKeys
    from mezzotint_engine.worker.worker_main import Worker

    Worker(arguments.endpoint, arguments.worker_id, CurveKeys.from_environment(os.environ)).run()
    end_process_tree(0)


if __name__ == "__main__":
    main()
