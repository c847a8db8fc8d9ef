"""Networks that methods share; what one method has alone is in its file."""
