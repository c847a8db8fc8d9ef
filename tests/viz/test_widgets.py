"""Explorers: the static figure always, controls only where somebody can use them."""

import pytest

from vireid_lib.viz import widgets


def describe(count=2, colour="red", bold=False, share=0.5):
    return f"{count} {colour} {bold} {share}"


CONTROLS = {"count": range(1, 9), "colour": ["red", "blue"], "bold": True, "share": [0.1, 0.5]}


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show."""
    things = []

    class Handle:
        def update(self, thing, **_):
            things.append(thing)

    def display(thing, display_id=None, **_):
        things.append(thing)
        return Handle() if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    return things


@pytest.fixture
def somebody(monkeypatch):
    """Somebody is there to move controls; gives those that are made."""
    controls = []
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    make = widgets._widget
    monkeypatch.setattr(widgets, "_widget", lambda *given: controls.append(make(*given)) or controls[-1])
    return controls


def test_without_anybody_there_the_static_figure_is_all(shown, monkeypatch):
    monkeypatch.setenv("VIREID_HEADLESS", "1")
    assert not widgets.is_interactive()
    widgets.explore(describe, **CONTROLS)
    assert shown == ["2 red False 0.5"]


def test_controls_stand_above_with_the_functions_defaults(shown, somebody):
    widgets.explore(describe, **CONTROLS)
    assert type(shown[0]).__name__ == "VBox" and shown[1:] == ["2 red False 0.5"]
    kinds = ["IntSlider", "Dropdown", "Checkbox", "SelectionSlider"]
    assert [type(each).__name__ for each in somebody] == kinds
    assert [each.value for each in somebody] == [2, "red", False, 0.5]


def test_a_moved_control_replaces_the_figure_and_an_error_goes_with_the_next_one(shown, somebody):
    calls = []

    def figure(count=1):
        calls.append(count)
        return f"{6 / count:.0f} things"

    widgets.explore(figure, count=[0, 1, 2])
    trouble = shown[0].children[-1]
    somebody[0].value = 0
    assert trouble.value == "ZeroDivisionError: division by zero"
    somebody[0].value = 2
    assert trouble.value == "" and calls == [1, 0, 2]
    assert [shown[1], shown[-1]] == ["6 things", "3 things"]
