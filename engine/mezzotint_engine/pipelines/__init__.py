"""Jobs that draw: text to image, image to image, inpaint, on diffusers' own pipelines."""
