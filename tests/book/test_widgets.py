"""Explorers: the static figure always, controls only where somebody can use them."""

import pytest

from vireid_lib.book import widgets


def describe(count=2, colour="red", bold=False, share=0.5):
    return f"{count} {colour} {bold} {share}"


CONTROLS = {"count": range(1, 9), "colour": ["red", "blue"], "bold": True, "share": [0.1, 0.5]}


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show."""
    things = []
    monkeypatch.setattr("IPython.display.display", things.append)
    return things


def test_without_anybody_there_the_static_figure_is_all(shown):
    widgets.explore(describe, **CONTROLS)
    assert shown == ["2 red False 0.5"]


def test_with_somebody_there_controls_follow(monkeypatch, shown):
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    widgets.explore(describe, **CONTROLS)
    assert shown[0] == "2 red False 0.5" and type(shown[1]).__name__ == "VBox"


def test_controls_have_the_functions_defaults_and_call_it():
    kinds = {"count": "IntSlider", "colour": "Dropdown", "bold": "Checkbox", "share": "SelectionSlider"}
    for name, choices in CONTROLS.items():
        default = widgets._default(describe, name, choices)
        control = widgets._widget(name, choices, default)
        assert type(control).__name__ == kinds[name] and control.value == default


def test_moving_a_control_shows_the_new_figure(monkeypatch, shown):
    made = []
    monkeypatch.setattr(
        widgets, "_widget", lambda *arguments, own=widgets._widget: made.append(own(*arguments)) or made[-1]
    )
    calls = []

    def figure(count=2):
        calls.append(count)
        return count

    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    widgets.explore(figure, count=range(5))
    made[0].value = 4
    assert calls == [2, 4] and shown[-1] == 4


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        ({"colr": ["red"]}, "describe has no argument colr; it has count, colour"),
        ({"colour": ["green"]}, "is 'red' by default, which is none of its options"),
    ],
)
def test_wrong_controls_are_refused(controls, expected):
    with pytest.raises(TypeError, match=expected):
        widgets.explore(describe, **controls)


def test_an_argument_without_default_is_refused():
    with pytest.raises(TypeError, match="has no default"):
        widgets.explore(lambda count: count, count=[1])


def test_the_runner_is_nobody(monkeypatch):
    monkeypatch.setenv("VIREID_HEADLESS", "1")
    assert not widgets.is_interactive()
