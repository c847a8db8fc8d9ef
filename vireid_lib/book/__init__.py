"""The book's machinery: profiles, workspace, runner, plots, command line."""

from vireid_lib.book.book import Book, open_book

__all__ = ["Book", "open_book"]
