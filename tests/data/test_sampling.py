"""The identity samplers: the released sequences exactly, and a pure function of seed, epoch and step."""

import numpy as np
import oracle_files
import pytest

from vireid_lib.data.sampling import AllImagesSampler, IdentitySampler, MixedIdentitySampler

ORACLE = oracle_files.read_json("samplers/sampler_facts")
LABELS = {name: np.array(labels) for name, labels in ORACLE["small_labels"].items()}
OWN = {  # twelve identities with four to ten images in each modality, in mixed order
    "visible": np.random.default_rng(0).permutation(np.arange(12).repeat([9, 4, 5, 5, 5, 9, 10, 8, 4, 4, 6, 7])),
    "infrared": np.random.default_rng(1).permutation(np.arange(12).repeat([7, 6, 5, 4, 7, 7, 4, 4, 6, 5, 8, 6])),
}
SEQUENCES = [name for name in ORACLE["sequences"] if not name.startswith("MPANet")]
FACTS = [name for name, fact in ORACLE["facts"].items() if "ids_per_batch" in fact]


@pytest.mark.parametrize("name", SEQUENCES)
def test_epoch_zero_is_the_released_sequence(name):
    sequence = ORACLE["sequences"][name]
    identities, images = (int(part[1:]) for part in name.split("_")[1:])
    visible, infrared = (LABELS[key] for key in sequence["labels"].split(", "))
    sampler = IdentitySampler(
        visible,
        infrared,
        identities=identities,
        images=images,
        seed=sequence["numpy_seed"],
        redraw_below=images if name.startswith("DART") else 0,
    )
    batches = [sampler.batch(0, step) for step in range(sampler.steps_per_epoch)]
    assert np.concatenate([batch[0] for batch in batches]).tolist() == sequence["index_vis"]
    assert np.concatenate([batch[1] for batch in batches]).tolist() == sequence["index_ir"]


@pytest.mark.parametrize("name", FACTS)
def test_steps_per_epoch_are_what_the_release_runs(name):
    fact = ORACLE["facts"][name]
    visible, infrared = (np.arange(fact[key]) % fact["n_ids"] for key in ("n_vis", "n_ir"))
    sampler = IdentitySampler(
        visible, infrared, identities=fact["ids_per_batch"], images=fact["images_per_id_per_modality"], seed=0
    )
    assert sampler.steps_per_epoch == fact["iterations_actually_run"]
    assert sampler.steps_per_epoch * fact["pairs_per_iteration"] == fact["index_length"]


def small(**changes):
    arguments = {"identities": 4, "images": 3, "seed": 7} | changes
    return IdentitySampler(OWN["visible"], OWN["infrared"], **arguments)


def test_a_batch_depends_on_seed_epoch_and_step_only():
    sampler = small()
    wanted = {(epoch, step): small().batch(epoch, step) for epoch in (0, 1, 5) for step in (0, 3)}
    for (epoch, step), batch in reversed(wanted.items()):
        np.testing.assert_array_equal(sampler.batch(epoch, step), batch)
    everything = [tuple(np.concatenate(batch)) for batch in wanted.values()]
    assert len(set(everything)) == len(everything)
    assert not np.array_equal(small(seed=8).batch(1, 0), wanted[1, 0])


def test_a_batch_never_touches_the_global_stream():
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    small().batch(0, 0)
    assert np.array_equal(np.random.get_state()[1], before)


def test_both_modalities_show_the_same_identities_in_the_same_order():
    visible, infrared = small().batch(2, 1)
    shown = OWN["visible"][visible]
    assert np.array_equal(shown, OWN["infrared"][infrared])
    assert len(set(shown.reshape(4, 3)[:, 0])) == 4
    assert (shown.reshape(4, 3) == shown.reshape(4, 3)[:, :1]).all()


def test_a_step_beyond_the_epoch_is_refused():
    sampler = small()
    with pytest.raises(IndexError, match="step 7 is not in an epoch of 7 steps"):
        sampler.batch(0, sampler.steps_per_epoch)


def test_an_identity_in_one_modality_is_named():
    with pytest.raises(ValueError, match="label 3 has images in one modality only"):
        IdentitySampler(np.array([1, 2, 3]), np.array([1, 2]), identities=2, images=1, seed=0)


def test_too_few_identities_are_refused():
    with pytest.raises(ValueError, match="a batch of 20 identities cannot be drawn from 12"):
        small(identities=20)


def test_redrawing_for_ever_is_refused():
    with pytest.raises(ValueError, match="no identity has 100 images"):
        small(redraw_below=100)


def mixed(**changes):
    arguments = {"external": {1, 5, 7, 10, 11}, "identities": 4, "images": 2, "seed": 3} | changes
    return MixedIdentitySampler(OWN["visible"], OWN["infrared"], **arguments)


@pytest.mark.parametrize(("mix", "from_external"), [(0.5, 2), (0.25, 1), (0.75, 3)])
def test_each_mixed_batch_has_the_share_of_external_identities(mix, from_external):
    sampler = mixed(mix=mix)
    for step in range(sampler.steps_per_epoch):
        visible, infrared = sampler.batch(1, step)
        shown = OWN["visible"][visible].reshape(4, 2)
        assert np.array_equal(shown.ravel(), OWN["infrared"][infrared])
        assert len(set(shown[:, 0])) == 4
        is_external = np.isin(shown[:, 0], [1, 5, 7, 10, 11])
        assert is_external.tolist() == [False] * (4 - from_external) + [True] * from_external


def test_a_mixed_batch_depends_on_seed_epoch_and_step_only():
    sampler = mixed()
    late = sampler.batch(3, 2)
    sampler.batch(0, 0)
    np.testing.assert_array_equal(sampler.batch(3, 2), late)
    np.testing.assert_array_equal(mixed().batch(3, 2), late)
    assert not np.array_equal(mixed(seed=4).batch(3, 2), late)


def test_a_mix_without_a_place_is_refused():
    with pytest.raises(ValueError, match="mix 0.05 of 4 identities gives 0 external ones"):
        mixed(mix=0.05)


@pytest.mark.parametrize("name", ["sysu", "regdb", "llcm"])
def test_all_images_fill_the_released_number_of_batches(name):
    fact, counts = (ORACLE["facts"][f"{kind}/{name}"] for kind in ("DART_warmup_AllSampler", "DART"))
    sampler = AllImagesSampler(counts["n_vis"], counts["n_ir"], images=fact["batch"], seed=0)
    assert sampler.steps_per_epoch == fact["iterations"]
    batches = [sampler.batch(0, step) for step in range(sampler.steps_per_epoch)]
    for side, (length, count) in enumerate(
        ((fact["index_length_vis"], counts["n_vis"]), (fact["index_length_ir"], counts["n_ir"]))
    ):
        positions = np.concatenate([batch[side] for batch in batches])
        assert len(positions) == length
        seen = np.bincount(positions, minlength=count)
        assert len(seen) == count and set(seen.tolist()) <= {length // count, length // count + 1}
        assert (seen[: length % count] == length // count + 1).all()  # it starts again from the front


def test_all_images_are_a_pure_function_of_seed_epoch_and_step():
    sampler, again = (AllImagesSampler(50, 30, images=8, seed=3) for _ in range(2))
    forward = [sampler.batch(epoch, step) for epoch in range(2) for step in range(7)]
    backward = [again.batch(epoch, step) for epoch in (1, 0) for step in range(6, -1, -1)][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
    assert not np.array_equal(forward[0][0], forward[7][0])
    with pytest.raises(IndexError, match="step 7 is not in an epoch of 7 steps"):
        sampler.batch(0, 7)
    with pytest.raises(ValueError, match="0 visible and 3 infrared"):
        AllImagesSampler(0, 3, images=2, seed=0)
