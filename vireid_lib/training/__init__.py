"""One training loop for everything: checkpoints, resume, seeds, progress."""
