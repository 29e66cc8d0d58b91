"""The op debugger: stop a live model at any tensor op, look inside, change it, go on."""
