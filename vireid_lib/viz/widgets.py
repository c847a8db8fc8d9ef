"""Explorers: a function that returns a figure, shown once as it is, with sliders only where somebody can move them."""

import html
import inspect
import os
from collections.abc import Callable

from vireid_lib.project import HEADLESS


def explore(function: Callable[..., object], **controls: object) -> None:
    """Show `function()` and, in an interactive session, controls above that replace it with other arguments' figure.

    The figure for the default arguments is always shown, so that a saved notebook, a printed page and a reader without
    a running kernel see it too. Raises TypeError: a control names no argument of the function, its argument has no
    default, or the default is not among the options.

    Args:
        function: returns something that a notebook can show, such as a figure; every controlled argument needs a
            default.
        controls: argument's name → what it may be: a list or tuple of options, a range for a slider, or True for a
            yes-or-no argument.
    """
    from IPython.display import display

    defaults = {name: _default(function, name, choices) for name, choices in controls.items()}
    figure, place = function(**defaults), None  # before the controls: an error must leave none behind
    if controls and is_interactive():
        from ipywidgets import HTML, HBox, Layout, VBox

        widgets = {name: _widget(name, choices, defaults[name]) for name, choices in controls.items()}
        trouble = HTML()

        def redraw(_: object) -> None:
            try:
                place.update(function(**{name: widget.value for name, widget in widgets.items()}))
                trouble.value = ""
            except Exception as error:  # a callback's traceback would end up where nobody looks
                trouble.value = html.escape(f"{type(error).__name__}: {error}")

        for widget in widgets.values():
            widget.observe(redraw, names="value")
        display(VBox([HBox(list(widgets.values()), layout=Layout(flex_flow="row wrap")), trouble]))
    place = display(figure, display_id=True)


def is_interactive() -> bool:
    """Whether a kernel with somebody in front of it runs this: JupyterLab and the like, not the book's runner."""
    from IPython import get_ipython

    shell = get_ipython()
    return not os.environ.get(HEADLESS) and shell is not None and hasattr(shell, "kernel")


def _default(function: Callable[..., object], name: str, choices: object) -> object:
    parameters = inspect.signature(function).parameters
    default = parameters[name].default if name in parameters else inspect.Parameter.empty
    if default is inspect.Parameter.empty or (choices is not True and default not in choices):
        known = ", ".join(map(str, parameters.values()))
        raise TypeError(f"{function.__name__}({known}): give it an argument {name} whose default is one of its options")
    return default


def _widget(name: str, choices: object, default: object):
    import ipywidgets

    common = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if choices is True:
        return ipywidgets.Checkbox(value=default, **common)
    if isinstance(choices, range):
        ends, common["continuous_update"] = {"min": choices.start, "max": choices[-1]}, False
        return ipywidgets.IntSlider(value=default, step=choices.step, **ends, **common)
    if all(isinstance(choice, int | float) for choice in choices):
        return ipywidgets.SelectionSlider(options=list(choices), value=default, continuous_update=False, **common)
    return ipywidgets.Dropdown(options=list(choices), value=default, **common)
