"""Re-identification networks, losses, methods and their training."""
