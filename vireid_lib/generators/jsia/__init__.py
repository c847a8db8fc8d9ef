"""JSIA-ReID: content and style told apart, paired images made by exchanging styles, and features aligned on them."""

from vireid_lib.generators.jsia.jsia import GENERATOR, Jsia

__all__ = ["GENERATOR", "Jsia"]
