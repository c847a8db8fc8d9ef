"""The losses of all methods; what belongs together is one file."""
