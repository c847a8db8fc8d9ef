"""VI-ReID experiment book: data, generators, ReID methods, evaluation and analysis under one protocol."""

__version__ = "0.1.0"
