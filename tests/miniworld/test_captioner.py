"""The captioner: what its words are of, what it learns, what it keeps."""

from itertools import islice

import numpy as np
import pytest
import torch

from vireid_lib.miniworld import pretrain
from vireid_lib.miniworld.captions import SLOTS, Captioner, by_slot, caption, parse, vocabulary
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.pretrain import ABSENT, Bank, CaptionerTask, build_captioner, labels, recipe
from vireid_lib.training.loop import train

RED = "bald person wearing red coat, black trousers, white shoes"
DRESS = "person with long blond hair and glasses wearing blue and white striped dress, red boots, black cap"


@pytest.fixture
def captioner():
    settings = {"channels": (8, 8, 8, 16), "squeezed": 8, "hidden": 16}
    return build_captioner(recipe(captioner=settings, bank={"height": 32, "width": 16})).eval()


def test_a_label_is_the_place_of_the_word_and_what_is_not_there_has_none():
    found = labels([RED, DRESS])
    assert found.shape == (2, len(SLOTS))
    for row, told in zip(found, (RED, DRESS), strict=True):
        read = {name: words[place] for (name, words), place in zip(SLOTS.items(), row, strict=True) if place != ABSENT}
        assert read == parse(told)
    absent = {name for place, name in enumerate(SLOTS) if found[0, place] == ABSENT}
    assert absent == {"hair_colour", "upper_second", "lower_second", "hat_colour", "bag_colour"}


def test_the_loss_counts_what_is_there():
    logits, wanted = torch.randn(2, sum(map(len, SLOTS.values()))), labels([RED, DRESS])
    by_hand = [
        -each[row].log_softmax(0)[wanted[row, place]]
        for place, each in enumerate(by_slot(logits))
        for row in range(2)
        if wanted[row, place] != ABSENT
    ]
    torch.testing.assert_close(pretrain.captioning_loss(logits, wanted), torch.stack(by_hand).mean())


def test_an_identity_s_words_are_those_of_the_mean_probability(captioner, monkeypatch):
    """Two pictures that are nearly sure outvote a third that is not."""

    def sure(told, certainty):
        places = labels([told])[0].clamp(min=0)
        parts = [torch.full((len(words),), (1 - certainty) / (len(words) - 1)) for words in SLOTS.values()]
        for part, place in zip(parts, places, strict=True):
            part[place] = certainty
        return torch.cat(parts)

    seen = torch.stack([sure(RED, 0.9), sure(DRESS, 0.8), sure(DRESS, 0.8), sure(RED, 0.99)])
    monkeypatch.setattr(captioner, "probabilities", lambda pixels: seen)
    pixels = np.zeros((4, 32, 16, 3), np.uint8)
    assert captioner.read(pixels, ["b", "b", "b", "a"]) == {"a": RED, "b": DRESS}


def test_it_tells_any_picture_in_the_vocabulary_and_keeps_to_it_on_disk(captioner, tmp_path):
    torch.nn.init.normal_(captioner.words.weight)
    pixels = np.random.default_rng(0).integers(0, 255, (6, 32, 16, 3), dtype=np.uint8)
    captioner.half().float().save(tmp_path)
    again = Captioner.load(tmp_path)
    names = list("aabbcd")
    told = captioner.read(pixels, names)
    assert again.read(pixels, names) == told and sorted(told) == list("abcd")
    assert {word for words in told.values() for word in words.replace(",", "").split()} <= set(vocabulary())
    torch.testing.assert_close(captioner.probabilities(pixels)[2:3], captioner.probabilities(pixels[2:3]))


def dressed(purpose, count):
    """Pictures of people who are nothing but the colours of their upper and lower garment, with noise."""
    people, rng = list(islice(people_stream(0, purpose), count)), np.random.default_rng(0)
    shown = np.zeros((count, 32, 16, 3))
    for picture, person in zip(shown, people, strict=True):
        picture[:16] = person.upper.cloth.rgb
        picture[16:] = person.upper.cloth.rgb if person.upper.kind == "dress" else person.lower.cloth.rgb
    pixels = (255 * shown + rng.normal(0, 10, shown.shape)).clip(0, 255).astype(np.uint8)
    return Bank(pixels, [caption(person) for person in people], ["street"] * count)


def test_it_learns_words_of_people_that_it_has_not_seen(tmp_path):
    bank, held_out = dressed("learned", 500), dressed("others", 200)
    settings = {"channels": (8, 16, 16, 16), "steps": 200, "batch": 32, "learning_rate": 1e-2, "average": 0.9}
    config = recipe(seed=0, bank={"images": 500, "height": 32, "width": 16}, captioner=settings)
    task = CaptionerTask(build_captioner(config), bank, config)
    train(task, steps=200, folder=tmp_path / "fit", seed=0, device="cpu", progress=False)
    found = pretrain.accuracy(task.extras["average"].module["captioner"], held_out.pixels, held_out.captions)
    assert found["upper_colour"] > 0.35 and found["lower_colour"] > 0.35  # of 14 colours, each in its place
    assert 0 <= found["captions"] <= found["face"] < 0.9  # nothing in the picture tells it
