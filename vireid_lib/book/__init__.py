"""Views of the chapters that are on their way into the notebooks."""
