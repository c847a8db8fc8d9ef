"""MPANet's samplers: the released sequence and batch counts, no repetition, mixtures, pure functions."""

import numpy as np
import oracle_files
import pytest

from vireid_lib.data.exhaustive_sampling import ExhaustiveIdentitySampler, MixedExhaustiveSampler, OnceAnEpochSampler

ORACLE = oracle_files.read_json("samplers/sampler_facts")
# Twelve identities with four to ten images in each modality, in mixed order.
VISIBLE = np.random.default_rng(0).permutation(np.arange(12).repeat([9, 4, 5, 5, 5, 9, 10, 8, 4, 4, 6, 7]))
INFRARED = np.random.default_rng(1).permutation(np.arange(12).repeat([7, 6, 5, 4, 7, 7, 4, 4, 6, 5, 8, 6]))
KINDS = [ExhaustiveIdentitySampler, OnceAnEpochSampler]
SHARES = {"identities": 4, "images": 2}


def epoch(sampler, number=0):
    return [sampler.batch(number, step) for step in range(sampler.steps_per_epoch)]


def test_epoch_zero_is_the_released_sequence():
    name = next(name for name in ORACLE["sequences"] if name.startswith("MPANet_random_"))
    oracle, (identities, images) = ORACLE["sequences"][name], (int(part[1:]) for part in name.split("_")[2:])
    shares = {"identities": identities, "images": images // 2}
    labels = (np.array(ORACLE["small_labels"][name]) for name in ("labels_vis", "labels_ir"))
    sampler = ExhaustiveIdentitySampler(*labels, **shares, seed=oracle["numpy_seed"])
    found = []
    for visible, infrared in epoch(sampler):
        # There, one list: the visible images, then the infrared ones; in a batch they alternate, infrared first.
        found += np.stack((infrared + len(ORACLE["small_labels"]["labels_vis"]), visible), axis=1).ravel().tolist()
    assert found == oracle["index"] and len(found) == oracle["len_after_iter"]


def test_steps_per_epoch_are_what_the_release_runs():
    exhaustive, once = (ORACLE["facts"][f"MPANet_identity_{name}/regdb"] for name in ("random", "uniform"))
    size = ORACLE["facts"]["AGW/regdb"]  # as many images of each identity
    labels = np.arange(size["n_ids"]).repeat(size["n_vis"] // size["n_ids"])
    counts = {"identities": exhaustive["p_size"], "images": exhaustive["k_size"] // 2}
    found = [ExhaustiveIdentitySampler(labels, labels, **counts, seed=seed).steps_per_epoch for seed in range(10)]
    assert found == exhaustive["iterations_seeds0to9"]
    assert OnceAnEpochSampler(labels, labels, **counts, seed=0).steps_per_epoch == once["iterations"]


def test_sysu_has_the_released_number_of_short_epochs():
    drawn, labels = ORACLE["facts"]["MPANet_identity_random/sysu"], np.arange(ORACLE["facts"]["AGW/sysu"]["n_ids"])
    labels, counts = labels.repeat(20), {"identities": drawn["p_size"], "images": drawn["k_size"] // 2}
    sampler = OnceAnEpochSampler(labels, labels, **counts, seed=0)
    assert sampler.steps_per_epoch == ORACLE["facts"]["MPANet_identity_uniform/sysu"]["iterations"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [0, 3])
def test_a_batch_has_k_images_of_each_modality_of_p_identities(kind, number):
    for visible, infrared in epoch(kind(VISIBLE, INFRARED, **SHARES, seed=1), number):
        shown = VISIBLE[visible].reshape(4, 2)
        assert np.array_equal(shown.ravel(), INFRARED[infrared])
        assert len(set(shown[:, 0])) == 4 and (shown == shown[:, :1]).all()


@pytest.mark.parametrize("number", range(5))
def test_no_image_comes_twice_unless_its_identity_has_too_few(number):
    assert min(np.bincount(VISIBLE).min(), np.bincount(INFRARED).min()) >= SHARES["images"]
    batches = epoch(ExhaustiveIdentitySampler(VISIBLE, INFRARED, **SHARES, seed=2), number)
    for side in zip(*batches[:5], strict=True):  # the first steps: the last may come from a further draw
        seen = np.concatenate(side).tolist()
        assert len(seen) == len(set(seen)) == 5 * 8


@pytest.mark.parametrize("kind", KINDS)
def test_each_identity_once_or_until_its_images_are_used_up(kind):
    sampler = kind(VISIBLE, INFRARED, **SHARES, seed=4)
    batches = np.concatenate([VISIBLE[batch[0]] for batch in epoch(sampler)])
    if kind is OnceAnEpochSampler:
        assert sorted(batches[::2].tolist()) == list(range(12))
    portions = np.minimum(np.bincount(VISIBLE), np.bincount(INFRARED)) // 2
    assert (np.bincount(batches[::2], minlength=12) <= portions).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_identity_with_fewer_images_than_k_is_drawn_again(kind):
    visible, infrared = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 1, 2, 2])
    for in_visible, in_infrared in epoch(kind(visible, infrared, identities=3, images=3, seed=0)):
        assert np.bincount(visible[in_visible]).tolist() == [3, 3, 3]
        assert np.bincount(infrared[in_infrared]).tolist() == [3, 3, 3]


def sampler_of(kind, **changes):
    if kind is MixedExhaustiveSampler:
        return MixedExhaustiveSampler(
            ExhaustiveIdentitySampler, VISIBLE, INFRARED, **SHARES, external={1, 5, 7, 10}, **{"seed": 3, **changes}
        )
    return kind(VISIBLE, INFRARED, **SHARES, **{"seed": 3, **changes})


@pytest.mark.parametrize("kind", [*KINDS, MixedExhaustiveSampler])
def test_a_batch_depends_on_seed_epoch_and_step_only(kind):
    sampler = sampler_of(kind)
    wanted = {(number, step): sampler_of(kind).batch(number, step) for number in (0, 1, 5) for step in (0, 2)}
    for (number, step), batch in reversed(wanted.items()):
        np.testing.assert_array_equal(sampler.batch(number, step), batch)
    everything = [tuple(np.concatenate(batch)) for batch in wanted.values()]
    assert len(set(everything)) == len(everything)
    assert not np.array_equal(sampler_of(kind, seed=8).batch(1, 0), wanted[1, 0])
    with pytest.raises(IndexError, match="is not in an epoch of"):
        sampler.batch(0, sampler.steps_per_epoch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("mix", "from_external"), [(0.5, 2), (0.25, 1)])
def test_a_mixed_batch_has_the_share_of_external_identities(kind, mix, from_external):
    sampler = MixedExhaustiveSampler(kind, VISIBLE, INFRARED, **SHARES, external={1, 5, 7, 10}, seed=0, mix=mix)
    seen = set()
    for number in range(3):
        for visible, infrared in epoch(sampler, number):
            shown = VISIBLE[visible].reshape(4, 2)
            assert np.array_equal(shown.ravel(), INFRARED[infrared]) and len(set(shown[:, 0])) == 4
            is_external = np.isin(shown[:, 0], [1, 5, 7, 10])
            assert is_external.tolist() == [False] * (4 - from_external) + [True] * from_external
            seen |= set(shown[:, 0].tolist())
    assert seen == set(range(12))
    with pytest.raises(ValueError, match="gives 0 external ones"):
        MixedExhaustiveSampler(kind, VISIBLE, INFRARED, **SHARES, external={1}, seed=0, mix=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_labels_are_refused(kind):
    with pytest.raises(ValueError, match="label 3 has images in one modality only"):
        kind(np.array([1, 2, 3]), np.array([1, 2]), identities=2, images=1, seed=0)
    with pytest.raises(ValueError, match="a batch of 20 identities cannot be drawn from 12"):
        kind(VISIBLE, INFRARED, identities=20, images=1, seed=0)
