"""People of the miniature world: drawing, captions, and the law that makes their infrared look."""

import re
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from vireid_lib.miniworld.captions import SLOTS, caption, parse, slots, tell, vocabulary
from vireid_lib.miniworld.people import INFRARED_CORRELATION, Cloth, Garment, people_stream, redraw_infrared


def _people(count, seed=0, purpose="test"):
    return list(islice(people_stream(seed, purpose), count))


def test_a_stream_is_a_function_of_seed_and_purpose():
    assert _people(5) == _people(20)[:5]
    everyone = [_people(30, seed, purpose) for seed in (0, 1) for purpose in ("mini_vi", "mini_market")]
    assert len(set(sum(everyone, []))) == 120


def test_captions_tell_what_is_worn_in_the_words_of_the_vocabulary_and_are_told_again_from_them():
    used = set()
    for person in _people(1500):
        told = caption(person)
        assert re.fullmatch(r"[a-z -]+(, [a-z -]+)*", told)
        assert person.upper.kind in told and person.upper.cloth.colour in told
        assert (person.bag in told) == (person.bag != "none")
        assert (f" {person.lower.kind}," in told) == (person.upper.kind != "dress")
        assert ("bald" in told) == (person.hair_style == "bald")
        assert parse(told) == slots(person) and tell(parse(told)) == told
        assert all(word in SLOTS[name] for name, word in slots(person).items())
        used |= set(told.replace(",", "").split())
    assert used == set(vocabulary()) and not used & {"plain", "none"}


def test_redrawing_changes_infrared_alone():
    def blind(value):
        """Without what infrared shows."""
        if isinstance(value, Cloth):
            return replace(value, infrared=0.0)
        if isinstance(value, Garment):
            second = value.second and blind(value.second)
            return replace(value, cloth=blind(value.cloth), second=second, pattern_infrared="kept")
        return value

    rng = np.random.default_rng(3)
    for person in _people(50):
        other = redraw_infrared(person, rng)
        assert other.upper.cloth.infrared != person.upper.cloth.infrared
        assert [blind(value) for value in vars(other).values()] == [blind(value) for value in vars(person).values()]


def test_materials_follow_luminance_only_in_part():
    cloths = [garment.cloth for person in _people(800) for garment in (person.upper, person.lower)]
    luminance, infrared = (np.array([getattr(each, name) for each in cloths]) for name in ("luminance", "infrared"))
    assert 0 < infrared.min() and infrared.max() < 1
    assert 0.8 < np.corrcoef(luminance, infrared)[0, 1] < 0.97
    assert np.polyfit(luminance, infrared, 1)[0] == pytest.approx(INFRARED_CORRELATION, abs=0.08)
    # The share that colour leaves open is wide enough to swap the order of two garments often.
    assert np.std(infrared - INFRARED_CORRELATION * luminance) > 0.05


def test_patterns_fade_and_invert_in_infrared_as_often_as_the_law_says():
    seen = [person.upper.pattern_infrared for person in _people(3000) if person.upper.second]
    for change in ("faded", "inverted"):
        assert abs(np.mean([value == change for value in seen]) - 0.15) < 0.03
