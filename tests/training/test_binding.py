"""Folders bound to settings: claimed once, refused with the difference in words."""

import pytest

from vireid_lib.training.binding import bind, differences


def test_a_folder_is_claimed_once(tmp_path):
    file = tmp_path / "settings.json"
    bind(file, {"a": 1, "inner": {"b": (1, 2)}}, what="another run")
    bind(file, {"inner": {"b": [1, 2]}, "a": 1}, what="another run")
    with pytest.raises(ValueError, match=r"holds another run: inner.b is \[1, 2\] there and 3 now"):
        bind(file, {"a": 1, "inner": {"b": 3}}, what="another run")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_only_the_first_process_claims(tmp_path):
    bind(tmp_path / "settings.json", {"a": 1}, what="another run", write=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        ({"a": 1}, {}, ["a is 1 there and None now"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 2, "c": 2}}, ["a.b is 1 there and 2 now"]),
        ({"n": list("abcde")}, {"n": list("abcdx")}, ["n lacks 1 ('e') and adds 1 ('x') now"]),
        ({"n": list("abcde")}, {"n": []}, ["n lacks 5 ('a', 'b', 'c', …) now"]),
        ({"n": list("abcde")}, {"n": list("edcba")}, ["n is in another order now"]),
        ({"n": [1]}, {"n": [1]}, []),
    ],
)
def test_differences_in_words(there, here, words):
    assert list(differences(there, here)) == words
