"""Equations as SVG drawings: readable from disk, without network and without a mathematical font."""

import functools
import html
import re
import xml.etree.ElementTree as ElementTree

import ziamath

PIXELS = 16.0  # drawn at this size, then scaled with the text around by giving lengths in em
COMMAND = re.compile(r"\\[A-Za-z]+")


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
    body, tag = _without_tag(latex.strip())
    try:
        drawn = ziamath.Latex(body, size=PIXELS, inline=not block)
    except Exception as error:  # the parser's errors have no common base
        raise UnreadableMath(f"{latex!r}: {type(error).__name__} {error}".strip()) from None
    if unknown := COMMAND.findall("".join(drawn.mathmlstr())):
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


def _without_tag(latex: str) -> tuple[str, str]:
    r"""Take `\tag{6}` out: the page sets the number at the margin."""
    found = re.search(r"\\tag\{([^}]*)\}", latex)
    return (latex.replace(found[0], "").strip(), found[1]) if found else (latex, "")
