"""Everything that makes images: one interface, one folder per generator."""
