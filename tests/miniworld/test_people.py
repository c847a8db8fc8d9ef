"""People of the miniature world: drawing, captions, and the law that makes their infrared look."""

import re
from dataclasses import replace
from itertools import islice

import numpy as np

from vireid_lib.miniworld.captions import vocabulary
from vireid_lib.miniworld.people import caption, people_stream, redraw_infrared, sample_person


def _people(count, seed=0, purpose="test"):
    return list(islice(people_stream(seed, purpose), count))


def test_a_stream_is_a_function_of_seed_and_purpose():
    assert _people(5) == _people(5)
    assert _people(5) == _people(20)[:5]
    everyone = [_people(30, seed, purpose) for seed in (0, 1) for purpose in ("mini_vi", "mini_market")]
    assert len(set(sum(everyone, []))) == 120


def test_captions_keep_to_the_vocabulary():
    words = set(vocabulary())
    assert not words & {"plain", "none"}
    used = set()
    for person in _people(1500):
        told = caption(person)
        assert re.fullmatch(r"[a-z -]+(, [a-z -]+)*", told)
        used |= set(told.replace(",", "").split())
    assert used == words


def test_a_caption_tells_what_is_worn_and_nothing_that_is_hidden():
    for person in _people(200):
        told = caption(person)
        assert person.upper.kind in told and person.upper.cloth.colour in told
        assert (person.bag in told) == (person.bag != "none")
        assert (f" {person.lower.kind}," in told) == (person.upper.kind != "dress")
        assert ("bald" in told) == (person.hair_style == "bald")


def test_redrawing_changes_infrared_alone():
    rng = np.random.default_rng(3)
    for person in _people(50):
        other = redraw_infrared(person, rng)
        assert other != person
        assert caption(other) == caption(person)
        assert _without_infrared(other) == _without_infrared(person)
        assert other.upper.cloth.infrared != person.upper.cloth.infrared


def _without_infrared(person):
    def cloth(value):
        return None if value is None else replace(value, infrared=0.0)

    def garment(value):
        return replace(value, cloth=cloth(value.cloth), second=cloth(value.second), pattern_infrared="kept")

    return replace(
        person,
        skin=cloth(person.skin),
        hair=cloth(person.hair),
        bag_cloth=cloth(person.bag_cloth),
        hat_cloth=cloth(person.hat_cloth),
        upper=garment(person.upper),
        lower=garment(person.lower),
        shoes=garment(person.shoes),
    )


def test_infrared_follows_luminance_only_partly():
    cloths = [sample_person(np.random.default_rng(seed)).upper.cloth for seed in range(800)]
    luminance = np.array([np.dot(cloth.rgb, (0.299, 0.587, 0.114)) for cloth in cloths])
    infrared = np.array([cloth.infrared for cloth in cloths])
    assert 0 < infrared.min() and infrared.max() < 1
    assert 0.8 < np.corrcoef(luminance, infrared)[0, 1] < 0.97
    # The share that colour leaves open is wide enough to swap the order of two garments often.
    assert np.std(infrared - 0.7 * luminance) > 0.05


def test_patterns_fade_and_invert_in_infrared_as_often_as_the_law_says():
    seen = [person.upper.pattern_infrared for person in _people(3000) if person.upper.second]
    for change in ("faded", "inverted"):
        assert abs(np.mean([value == change for value in seen]) - 0.15) < 0.03
