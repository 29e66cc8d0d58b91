"""The recipe of the bundled model `emoji-64`: a micro Stable Diffusion that draws 64x64 emoji from text.

`python -m mezzotint_engine.training.emoji --help` lists its stages; its settings are the TOML file
`assets/models/emoji-64/recipe.toml`. Nothing here is used when the model is merely run.
"""
