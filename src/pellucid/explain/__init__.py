"""Looking inside: a model and an input become arrays. Nothing here draws."""
