"""Small versions of pictures: decoded off the GUI thread, kept within a budget of bytes."""
