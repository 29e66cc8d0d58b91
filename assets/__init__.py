"""Data only (icons, style, bundled models), found with `importlib.resources.files("mezzotint_assets")`."""
