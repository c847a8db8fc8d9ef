"""DiVE: identity tokens, camera codes, LoRA branches."""
