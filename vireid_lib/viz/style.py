"""The one style: colours, markers, fonts, and how notebooks show figures."""

from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET = "#1c2128", "#5d6673"

# Okabe and Ito's colours, without the yellow that is lost on white.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
# Tol's "muted" scheme: ten people can be told apart with every common colour vision.
IDENTITIES = ("#332288", "#88ccee", "#cc6677", "#117733", "#ddcc77")
IDENTITIES += ("#882255", "#44aa99", "#e69f00", "#aa4499", "#999933")
MODALITY_MARKERS = {"visible": "o", "infrared": "^"}
MODALITY_COLOURS = {"visible": "#0072b2", "infrared": "#d55e00"}
RIGHT, WRONG = "#0072b2", "#d55e00"
EDGE = (0, 0, 0, 0.45)  # around filled markers: on paper, the light colours need an outline
HEAT = "magma"

STYLE = Path(__file__).with_name("book.mplstyle")


def notebook_style() -> None:
    """Draw what a notebook draws with pyplot in the book's style, sharply."""
    from matplotlib import pyplot
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    pyplot.style.use(STYLE)
    if matplotlib.get_backend().lower().endswith("inline"):
        from IPython import get_ipython

        set_matplotlib_formats("retina")
        png = get_ipython().display_formatter.formatters["image/png"]
        draw = png.for_type(Figure)
        if not hasattr(draw, "says_what"):  # the cell may run twice
            png.for_type(Figure, _saying_what(draw))


def _saying_what(draw: Callable[[Figure], tuple[str, dict]]) -> Callable[[Figure], tuple[str, dict]]:
    """A formatter of figures that also says what each shows, for readers who cannot see it: `alt`, or its titles."""

    def drawn(figure: Figure) -> tuple[str, dict]:
        data, about = draw(figure)
        titles = [figure.get_suptitle(), *(axes.get_title(loc="left") or axes.get_title() for axes in figure.axes)]
        return data, {**about, "alt": getattr(figure, "alt", "") or "; ".join(filter(None, titles)) or "Figure"}

    drawn.says_what = True
    return drawn


def picture(width: float, height: float, alt: str) -> Figure:
    """A figure (size in inches) that does not belong to pyplot, so that a notebook shows it exactly once, where it is
    returned; `alt` says what it shows."""
    made = Figure(figsize=(width, height), layout="constrained")
    made.alt = alt
    return made


def identity_colours(identities: Iterable[str]) -> dict[str, str]:
    """A colour for each identity, the same for the same set in every figure; they repeat from the eleventh on."""
    names = sorted(set(identities))
    return {name: IDENTITIES[place % len(IDENTITIES)] for place, name in enumerate(names)}


def bare(axes: Axes) -> None:
    """Take ticks, grid and frame away: for pictures."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
