"""What the numbers hide: feature spaces, retrieval lists, attention, fidelity."""
