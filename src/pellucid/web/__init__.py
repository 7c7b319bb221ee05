"""The studio's server: the verbs in a browser, guarded, over the same tasks and runs as the command line."""
