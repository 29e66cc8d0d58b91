"""The Mezzotint app: window, command line and the client that talks to the engine; never imports torch."""
