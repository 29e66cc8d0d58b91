"""Find the packages of the one distribution; everything else stands in pyproject.toml.

The import packages live in three folders that are no packages themselves (app/, engine/, plugins/), and
`assets/` is installed as `mezzotint_assets`. pyproject.toml can't mix found and named packages, hence this
file. `assets/__init__.py` holds a docstring alone: without it `importlib.resources.files` fails in an
editable install (setuptools adds a placeholder to a namespace package's path, which Python 3.11 refuses).
"""

from __future__ import annotations

from setuptools import find_packages, setup

ROOMS = {"app": "mezzotint_app*", "engine": "mezzotint_engine*", "plugins": "mezzotint_sdk*"}

setup(
    packages=[name for folder, pattern in ROOMS.items() for name in find_packages(folder, include=[pattern])]
    + ["mezzotint_assets"],
)
