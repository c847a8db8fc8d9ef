"""Tokens that start from captions: read from visible images by the base model's captioner, or given in a file."""

import shutil

import numpy as np
import pytest
import torch

from vireid_lib.data.images import load_images
from vireid_lib.data.strict import FileError
from vireid_lib.generators.dive.base_model import EMBEDDED, load_base
from vireid_lib.generators.dive.dive import Dive
from vireid_lib.generators.dive.tokens import TokenBank, identity_captions
from vireid_lib.miniworld.cameras import CAMERAS, sample_view
from vireid_lib.miniworld.captions import CAPTIONER, Captioner, parse, slots
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render


@pytest.fixture(scope="module")
def captioned_base(tiny_base, tmp_path_factory):
    """The tiny base model with a captioner of random weights in its folder."""
    folder = shutil.copytree(tiny_base, tmp_path_factory.mktemp("captioned") / "model")
    torch.manual_seed(5)
    captioner = Captioner((8, 8), squeezed=8, hidden=16, height=32, width=16)
    torch.nn.init.normal_(captioner.words.weight)
    captioner.save(folder / CAPTIONER)
    return folder


@pytest.fixture
def config(tiny, captioned_base):
    return tiny("dive", width=16, steps=2, checkpoint_every=0, token_init="caption", base_model=str(captioned_base))


def test_a_token_starts_from_the_rows_of_its_caption(tiny, tiny_base):
    base = load_base(str(tiny_base))
    identities, table = ["a/1", "a/2", "a/3"], base.text.get_input_embeddings().weight
    person, red, coat = base.tokenizer("person red coat", add_special_tokens=False).input_ids
    said = {"a/1": "red coat", "a/2": "person red coat red coat"}
    config = tiny("dive", token_init="caption")
    start = TokenBank(base.tokenizer, identities, 3).initial(base.text, config, said)
    for rows, ids in zip(start.split(3), ([red, coat, red], [person, red, coat], [person] * 3), strict=True):
        assert torch.equal(rows, table[ids])


def test_captions_are_read_from_visible_images(config, tiny_table, captioned_base):
    captioner, found = Captioner.load(captioned_base / CAPTIONER), identity_captions(tiny_table, config)
    assert sorted(found) == sorted(set(tiny_table["identity"]))
    for identity, told in found.items():
        own = tiny_table[(tiny_table["identity"] == identity) & (tiny_table["modality"] == "visible")]
        pixels = load_images(own["path"].tolist(), (32, 16), cache=None)
        assert captioner.read(pixels, [identity] * len(own)) == {identity: told}
    unseen = tiny_table[(tiny_table["modality"] == "infrared") | (tiny_table["split"] == "external")]
    assert identity_captions(unseen, config) == {name: told for name, told in found.items() if "market" in name}


def test_fitting_starts_there_and_the_record_says_so(config, tiny_table, tmp_path):
    still = config.model_copy(update={"token_learning_rate": 1e-12})
    dive = Dive(still, device="cpu", progress=False)
    dive.fit(tiny_table, tmp_path / "fit")
    assert dive.captions == identity_captions(tiny_table, config)
    tokenizer, table = dive.model.base.tokenizer, dive.model.rows.table
    for identity, told in dive.captions.items():
        ids = tokenizer(told, add_special_tokens=False).input_ids[:2]
        row = dive.model.tokens.row(identity)
        torch.testing.assert_close(dive.model.rows.rows[row : row + 2].detach(), table[ids], atol=1e-6, rtol=0)
    again = Dive.load(tmp_path / "fit", device="cpu", progress=False)
    assert torch.equal(again.model.rows.rows, dive.model.rows.rows) and again.captions == dive.captions


def test_captions_of_a_file(tiny, tiny_table, tmp_path):
    file, names = tmp_path / "captions.yaml", sorted(set(tiny_table["identity"]))

    def write(told, which=names):
        file.write_text("".join(f"{name}: {told}\n" for name in which))

    write("red coat")
    config = tiny("dive", width=16, token_init="caption", captions=str(file))
    assert identity_captions(tiny_table, config) == dict.fromkeys(names, "red coat")
    before = config.fit_settings()
    write("a red coat")
    assert config.fit_settings() != before  # by what the file says
    write("red coat", names[1:])
    with pytest.raises(FileError, match=f"no caption for 1 .*{names[0]}"):
        identity_captions(tiny_table, config)
    write("7")
    with pytest.raises(FileError, match="is 7; write words"):
        identity_captions(tiny_table, config)


def test_the_embedded_model_reads_the_miniature_world():
    """People of no data set, by a data set's camera, from four pictures each."""
    stream, rng = people_stream(9, "readers"), np.random.default_rng(0)
    people = {f"{place:02d}": next(stream) for place in range(12)}
    names = [name for name in people for _ in range(4)]
    views = [sample_view(rng, CAMERAS["mini_market/1"]) for _ in names]
    pixels = render([people[name] for name in names], views, height=64, width=32, modality="visible")
    read = {name: parse(told) for name, told in Captioner.load(EMBEDDED / CAPTIONER).read(pixels, names).items()}
    right = [read[name].get(slot) == word for name in people for slot, word in slots(people[name]).items()]
    assert np.mean(right) > 0.6
