"""Strict YAML: what is wrong is named, with the file, the key and the remedy."""

import pytest

from vireid_lib.data.strict import FileError, Strict, read_model, read_yaml


class Inner(Strict):
    height: int
    rate: float = 0.1


class Outer(Strict):
    name: str
    inner: Inner
    many: list[Inner] = []
    size: str | None = None


def written(tmp_path, text):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return path


def message(tmp_path, text):
    with pytest.raises(FileError) as caught:
        read_model(written(tmp_path, text), Outer)
    return str(caught.value)


def test_a_good_file_is_read(tmp_path):
    read = read_model(written(tmp_path, "name: a\ninner: {height: 3, rate: 5e-5}\n"), Outer)
    assert (read.name, read.inner.height, read.inner.rate) == ("a", 3, 5e-5)


def test_an_unknown_key_names_file_key_and_nearest(tmp_path):
    text = message(tmp_path, "name: a\ninner: {hieght: 3, height: 3}\n")
    assert "settings.yaml" in text and "inner.hieght" in text and "did you mean height?" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: 3\ninner: {height: 3}\n", "key name is 3"),
        ("name: a\ninner: {height: '3'}\n", "key inner.height is '3'"),
        ("name: a\ninner: {height: 3.5}\n", "key inner.height is 3.5"),
        ("name: a\ninner: {height: true}\n", "key inner.height is True"),
        ("name: a\ninner: {height: 3}\nsize: 4\n", "key size is 4"),
        ("inner: {height: 3}\n", "key name is missing"),
    ],
)
def test_a_wrong_type_is_refused_and_not_converted(tmp_path, text, expected):
    assert expected in message(tmp_path, text)


@pytest.mark.parametrize("text", ["name: [a\n", "- a\n", "just text\n", ""])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(FileError, match="settings.yaml"):
        read_yaml(written(tmp_path, text))
