"""Explorers: the static figure always, controls only where somebody can use them."""

import time

import pytest

from vireid_lib.viz import Picture, widgets


def describe(count=2, colour="red", bold=False, share=0.5, sizes=("L", "M")):
    return f"{count} {colour} {bold} {share} {'+'.join(sizes)}"


CONTROLS = {
    "count": range(1, 9),
    "colour": ["red", "blue"],
    "bold": True,
    "share": [0.1, 0.5],
    "sizes": widgets.Several(["S", "M", "L"]),
}


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


def test_without_anybody_there_the_static_figure_is_all(shown):
    widgets.explore(describe, **CONTROLS)
    assert shown == ["2 red False 0.5 L+M"]


def test_with_somebody_there_controls_stand_above(monkeypatch, shown):
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    widgets.explore(describe, **CONTROLS)
    assert type(shown[0]).__name__ == "VBox" and shown[1:] == ["2 red False 0.5 L+M"]


def test_controls_have_the_functions_defaults_and_call_it():
    kinds = {
        "count": "IntSlider",
        "colour": "Dropdown",
        "bold": "Checkbox",
        "share": "SelectionSlider",
        "sizes": "SelectMultiple",
    }
    for name, choices in CONTROLS.items():
        default = widgets._default(describe, name, choices)
        control = widgets._widget(name, choices, default)
        assert type(control).__name__ == kinds[name] and control.value == default


def test_dragged_points_move_the_figure(monkeypatch, shown):
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    plane = widgets.Plane(("A", "B"), ("visible", "infrared"))

    def sums(points=((0.0, 1.0), (2.0, -1.0))):
        return f"{sum(x for x, _ in points)} {sum(y for _, y in points)}"

    widgets.explore(sums, points=plane)
    assert shown[1:] == ["2.0 0.0"]
    (control,) = shown[0].children[0].children
    assert control.shapes == ["circle", "triangle"] and len(set(control.colours)) == 2
    control.value = [[1.0, 1.0], [2.0, -3.0]]
    assert shown[2:] == ["3.0 -2.0"]
    assert ((0, 0),) not in plane and ((0, 0), (9, 0)) not in plane
    with pytest.raises(TypeError, match="none of its options"):
        widgets.explore(sums, points=widgets.Plane(("A",), ("visible",)))


@pytest.fixture
def made(monkeypatch):
    """The controls that were made."""
    controls = []
    monkeypatch.setattr(
        widgets, "_widget", lambda *arguments, own=widgets._widget: controls.append(own(*arguments)) or controls[-1]
    )
    return controls


def test_moving_a_control_shows_the_new_figure(monkeypatch, shown, made):
    calls = []

    def figure(count=2):
        calls.append(count)
        return count

    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    widgets.explore(figure, count=range(5))
    made[0].value = 4
    assert calls == [2, 4] and shown[1:] == [2, 4]


def test_a_picture_is_replaced_by_the_next_one(monkeypatch, shown, made):
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    widgets.explore(lambda count=1: Picture(1, 1, f"{count} things"), count=[1, 2])
    made[0].value = 2
    assert [shown[place]["text/plain"] for place in (1, -1)] == ["1 things", "2 things"]
    assert shown[-1]["image/png"].startswith(b"\x89PNG")


def test_an_error_is_shown_under_the_controls_and_goes_with_the_next_figure(monkeypatch, shown, made):
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    widgets.explore(lambda count=1: 6 / count, count=[0, 1, 2])
    trouble = shown[0].children[-1]
    made[0].value = 0
    assert trouble.value == "ZeroDivisionError: division by zero"
    made[0].value = 2
    assert trouble.value == "" and shown[-1] == 3


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


def test_without_anybody_there_a_watched_figure_is_shown_and_once_more_at_the_end(shown):
    figures = iter(["first", "last"])
    watch = widgets.watch(lambda: next(figures), lambda: 0, every=0.01)
    assert shown == ["first"]
    watch.stop()
    assert shown == ["first", "last"]


def test_a_watched_figure_is_shown_again_when_it_has_changed_and_not_otherwise(monkeypatch, shown):
    state = {"stamp": 0}
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    first = widgets.watch(lambda: f"old {state['stamp']}", lambda: state["stamp"], every=0.01)
    watch = widgets.watch(lambda: f"figure {state['stamp']}", lambda: state["stamp"], every=0.01)  # ends the first
    time.sleep(0.1)
    assert [thing for thing in shown if isinstance(thing, str)] == ["old 0", "figure 0"]
    state["stamp"] = 1
    until = time.monotonic() + 10
    while "figure 1" not in shown:
        assert time.monotonic() < until
        time.sleep(0.01)
    watch.stop()
    state["stamp"] = 2
    time.sleep(0.1)
    assert "figure 2" not in shown and "old 1" not in shown and first is not watch


def test_the_refresh_button_and_the_tick_box_work(monkeypatch, shown):
    state = {"stamp": 0}
    monkeypatch.setattr(widgets, "is_interactive", lambda: True)
    watch = widgets.watch(lambda: f"figure {state['stamp']}", lambda: state["stamp"], every=0.01)
    live, button = shown[0].children
    live.value = False
    state["stamp"] = 1
    time.sleep(0.1)
    assert "figure 1" not in shown
    button.click()
    assert shown[-1] == "figure 1"
    watch.stop()
