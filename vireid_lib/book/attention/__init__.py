"""Chapter 06: which word of a prompt looks where."""
