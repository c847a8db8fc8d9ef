"""Explorers: a function that returns a figure, shown once as it is, with sliders only where somebody can move them."""

import html
import inspect
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vireid_lib.experiment.context import HEADLESS
from vireid_lib.viz.style import Picture


@dataclass(frozen=True)
class Several:
    """Options of which any number may be chosen; the argument's default is a tuple of some of them."""

    options: Sequence[str]

    def __contains__(self, chosen: Sequence[str]) -> bool:
        return set(chosen) <= set(self.options)


@dataclass(frozen=True)
class Plane:
    """Points that can be dragged, for an argument that is an array [points, 2]; identities are colours, modalities
    shapes.

    Attributes:
        identities, modalities: of each point.
        reach: how far the plane goes to each side.
    """

    identities: Sequence[str]
    modalities: Sequence[str]
    reach: float = 3.0

    def __contains__(self, points: Sequence[Sequence[float]]) -> bool:
        return len(points) == len(self.identities) and bool((abs(np.asarray(points)) <= self.reach).all())


def explore(function: Callable[..., object], **controls: object) -> None:
    """Show `function()` and, in an interactive session, controls above that replace it with other arguments' figure.

    The figure for the default arguments is always shown, so that a saved notebook, a printed page and a reader without
    a running kernel see it too.

    Args:
        function: returns something that a notebook can show, such as a `plots.Picture`; every controlled argument
            needs a default.
        controls: argument's name → what it may be: a list or tuple of options, a range for a slider, `Several`
            for a choice of any number, True for a yes-or-no argument, or a `Plane` of points to drag.

    Raises:
        TypeError: a control names no argument of the function, its argument has no default, or the default is not
            among the options.
    """
    defaults = {name: _default(function, name, choices) for name, choices in controls.items()}
    figure = function(**defaults)  # before the controls: an error must leave none behind
    above = _Controls(function, controls, defaults) if controls and is_interactive() else None
    handle = _show(figure)
    if above is not None:
        above.handle = handle


class Watch:
    """A figure that is drawn again whenever what it shows has changed, until it is stopped.

    A thread of its own looks: it also runs while a cell of the same notebook computes. It is a guest in that kernel,
    so it draws nothing as long as nothing has changed.
    """

    _current: "Watch | None" = None  # a notebook watches one thing: running the cell again ends the first

    def __init__(self, figure: Callable[[], object], stamp: Callable[[], object], every: float) -> None:
        self._figure, self._stamp, self._every = figure, stamp, every
        self._over, self._drawing = threading.Event(), threading.Lock()
        first = figure()
        if is_interactive():
            if Watch._current is not None:
                Watch._current._over.set()
            Watch._current = self
            self._show_controls()
        self._handle = _show(first)
        if is_interactive():
            self._start()

    def refresh(self, *_: object) -> None:
        """Draw it again now."""
        with self._drawing:
            _show(self._figure(), self._handle)

    def stop(self) -> None:
        """Draw it a last time and look no further."""
        self._over.set()
        self.refresh()

    def _start(self) -> None:
        self._over = threading.Event()
        threading.Thread(target=self._look, args=(self._over,), daemon=True).start()

    def _look(self, over: threading.Event) -> None:
        seen = self._stamp()
        while not over.wait(self._every):
            if (now := self._stamp()) != seen:
                seen = now
                self.refresh()

    def _show_controls(self) -> None:
        import ipywidgets
        from IPython.display import display

        live = ipywidgets.Checkbox(value=True, description="live", indent=False, layout={"width": "auto"})
        button = ipywidgets.Button(description="refresh")
        live.observe(lambda change: self._start() if change["new"] else self._over.set(), names="value")
        button.on_click(self.refresh)
        display(ipywidgets.HBox([live, button]))


def watch(figure: Callable[[], object], stamp: Callable[[], object], *, every: float) -> Watch:
    """Show `figure()` and, in an interactive session, show it again whenever `stamp()` has changed.

    Args:
        stamp: quick; equal values say that the figure would be the same.
        every: seconds between two looks.
    """
    return Watch(figure, stamp, every)


def is_interactive() -> bool:
    """Whether a kernel with somebody in front of it runs this: JupyterLab and the like, not the book's runner."""
    from IPython import get_ipython

    shell = get_ipython()
    return not os.environ.get(HEADLESS) and shell is not None and hasattr(shell, "kernel")


def _default(function: Callable[..., object], name: str, choices: object) -> object:
    parameters = inspect.signature(function).parameters
    if name not in parameters:
        raise TypeError(f"{function.__name__} has no argument {name}; it has {', '.join(parameters)}.")
    default = parameters[name].default
    if default is inspect.Parameter.empty:
        raise TypeError(f"argument {name} of {function.__name__} has no default; the static figure needs one.")
    if choices is not True and default not in choices:
        raise TypeError(
            f"argument {name} of {function.__name__} is {default!r} by default, which is none of its options."
        )
    return default


def _show(figure: object, handle: object = None):
    """Show `figure`, in the place of `handle` if there is one; return the handle of its place."""
    from IPython.display import display

    show = partial(display, display_id=True) if handle is None else handle.update
    if isinstance(figure, Picture):
        data, metadata = figure.bundle()
        return show(data, metadata=metadata, raw=True) or handle
    return show(figure) or handle


class _Controls:
    """One widget per argument, above the figure whose place is `handle`."""

    handle: object = None

    def __init__(self, function: Callable[..., object], controls: dict, defaults: dict) -> None:
        import ipywidgets
        from IPython.display import display

        self._function = function
        self._widgets = {name: _widget(name, choices, defaults[name]) for name, choices in controls.items()}
        self._trouble = ipywidgets.HTML()
        for widget in self._widgets.values():
            widget.observe(self._redraw, names="value")
        row = ipywidgets.Layout(flex_flow="row wrap")
        display(ipywidgets.VBox([ipywidgets.HBox(list(self._widgets.values()), layout=row), self._trouble]))

    def _redraw(self, _: object) -> None:
        try:
            _show(self._function(**{name: widget.value for name, widget in self._widgets.items()}), self.handle)
            self._trouble.value = ""
        except Exception as error:  # a callback's traceback would end up where nobody looks
            self._trouble.value = html.escape(f"{type(error).__name__}: {error}")


def _widget(name: str, choices: object, default: object):
    import ipywidgets

    common = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if choices is True:
        return ipywidgets.Checkbox(value=default, **common)
    if isinstance(choices, Plane):
        return _draggable(choices, default)
    if isinstance(choices, Several):
        rows, width = min(len(choices.options), 10), {"width": "auto", "min_width": "420px"}
        return ipywidgets.SelectMultiple(options=choices.options, value=default, rows=rows, layout=width, **common)
    if isinstance(choices, range):
        return ipywidgets.IntSlider(
            value=default, min=choices.start, max=choices[-1], step=choices.step, continuous_update=False, **common
        )
    if all(isinstance(choice, int | float) for choice in choices):
        return ipywidgets.SelectionSlider(options=list(choices), value=default, continuous_update=False, **common)
    return ipywidgets.Dropdown(options=list(choices), value=default, **common)


def _draggable(plane: Plane, points: Sequence[Sequence[float]]):
    from vireid_lib.viz.explorers.drag_points import DragPoints
    from vireid_lib.viz.style import identity_colours

    colours = identity_colours(plane.identities)
    return DragPoints(
        value=np.asarray(points).tolist(),
        reach=plane.reach,
        colours=[colours[name] for name in plane.identities],
        shapes=["triangle" if modality == "infrared" else "circle" for modality in plane.modalities],
        words=[f"{name}, {modality}" for name, modality in zip(plane.identities, plane.modalities, strict=True)],
    )
