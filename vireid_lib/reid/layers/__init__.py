"""Layers and networks that methods share; one idea a file."""
