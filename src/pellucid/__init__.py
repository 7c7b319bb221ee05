"""Convolutional networks you can see through."""
