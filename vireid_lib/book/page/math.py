"""Equations as SVG drawings: readable from disk, without network and without a mathematical font."""

import functools
import html
import re
import warnings
import xml.etree.ElementTree as ElementTree

with warnings.catch_warnings():  # it reads its font by a function that Python 3.11 and 3.12 call deprecated, 3.13 not
    warnings.simplefilter("ignore", DeprecationWarning)
    import ziamath

PIXELS = 16.0  # drawn at this size, then scaled with the text around by giving lengths in em
ENVIRONMENTS = {"align*", "aligned", "split", "cases", "array", "matrix", "pmatrix", "bmatrix", "vmatrix", "Vmatrix"}
# The parser takes a sized delimiter for text unless it is a single character.
SIZED_NORM = re.compile(r"(\\[bB]igg?[lr]?)\s*(?:\\[lr]?Vert|\\\|)(?![A-Za-z])")
SIZED_COMMAND = re.compile(r"\\[bB]igg?[lr]?\s*(\\(?:[{}]|[A-Za-z]+))")


class UnreadableMath(ValueError):
    """An equation that the renderer does not understand; the message shows what it stumbled over."""


ziamath.config.precision = 2
ziamath.config.math.color = "currentColor"
ziamath.config.svg2 = False  # its symbols have ids, which would clash between equations of one page


@functools.cache
def svg(latex: str, *, block: bool) -> str:
    """Draw LaTeX mathematics as an SVG element that follows the text's colour and size.

    Raises:
        UnreadableMath: the LaTeX is broken or uses a command that the renderer does not know.
    """
    body, tag = _without_tag(re.sub(r"\\(begin|end)\{equation\*?\}", "", latex).strip())
    if unknown := set(re.findall(r"\\begin\{([^}]*)\}", body)) - ENVIRONMENTS:
        raise UnreadableMath(
            f"{latex!r}: environment {sorted(unknown)[0]}; use one of {', '.join(sorted(ENVIRONMENTS))}"
        )
    try:
        drawn = ziamath.Latex(_with_plain_delimiters(body), size=PIXELS, inline=not block)
    except Exception as error:  # the parser's errors have no common base
        raise UnreadableMath(f"{latex!r}: {type(error).__name__} {error}".strip()) from None
    if unknown := re.findall(r"\\(?:[A-Za-z]+|.)", drawn.mathmlstr()):
        raise UnreadableMath(f"{latex!r}: {unknown[0]} is not known")
    width, height = drawn.getsize()
    element = drawn.svgxml()
    element.set("width", f"{width / PIXELS:.3f}em")
    element.set("height", f"{height / PIXELS:.3f}em")
    element.set("style", f"vertical-align:{drawn.getyofst() / PIXELS:.3f}em")
    element.set("role", "img")
    element.set("aria-label", body)
    text = ElementTree.tostring(element, encoding="unicode")
    return text + (f'<span class="tag">({html.escape(tag)})</span>' if tag else "")


def _with_plain_delimiters(latex: str) -> str:
    """Write sized norm bars as a character; other sized commands lose the size, not the sign."""
    return SIZED_COMMAND.sub(r"\1", SIZED_NORM.sub(r"\1‖ ", latex))


def _without_tag(latex: str) -> tuple[str, str]:
    r"""Take `\tag{6}` out: the page sets the number at the margin."""
    found = re.search(r"\\tag\{([^}]*)\}", latex)
    return (latex.replace(found[0], "").strip(), found[1]) if found else (latex, "")
