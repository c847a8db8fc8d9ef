"""The identity samplers: the released sequences exactly, and pure functions of seed, epoch and step."""

from functools import partial

import numpy as np
import oracle_files
import pytest

from vireid_lib.data.exhaustive_sampling import ExhaustiveIdentitySampler, MixedExhaustiveSampler, OnceAnEpochSampler
from vireid_lib.data.sampling import AllImagesSampler, IdentitySampler, MixedIdentitySampler

ORACLE = oracle_files.read_json("samplers/sampler_facts")
SMALL = {name: np.array(labels) for name, labels in ORACLE["small_labels"].items() if isinstance(labels, list)}
# Twelve identities with four to ten images in each modality, in mixed order.
VISIBLE = np.random.default_rng(0).permutation(np.arange(12).repeat([9, 4, 5, 5, 5, 9, 10, 8, 4, 4, 6, 7]))
INFRARED = np.random.default_rng(1).permutation(np.arange(12).repeat([7, 6, 5, 4, 7, 7, 4, 4, 6, 5, 8, 6]))
EXTERNAL = {1, 5, 7, 10}
SEQUENCES = [name for name in ORACLE["sequences"] if not name.startswith("MPANet")]
FACTS = [name for name, fact in ORACLE["facts"].items() if "ids_per_batch" in fact]


COUNTS = {"identities": 4, "images": 2, "seed": 3}
MIXTURE = COUNTS | {"external": EXTERNAL}
KINDS = (IdentitySampler, ExhaustiveIdentitySampler, OnceAnEpochSampler)
WHOLE = {kind.__name__: partial(kind, VISIBLE, INFRARED, **COUNTS) for kind in KINDS}
MIXED = {
    "mixed": partial(MixedIdentitySampler, VISIBLE, INFRARED, **MIXTURE),
    "mixed exhaustive": partial(MixedExhaustiveSampler, ExhaustiveIdentitySampler, VISIBLE, INFRARED, **MIXTURE),
    "mixed once": partial(MixedExhaustiveSampler, OnceAnEpochSampler, VISIBLE, INFRARED, **MIXTURE),
}
EVERY = {**WHOLE, **MIXED, "all images": partial(AllImagesSampler, 50, 30, images=8, seed=3)}


def epoch(sampler, number=0):
    return [sampler.batch(number, step) for step in range(sampler.steps_per_epoch)]


@pytest.mark.parametrize("name", SEQUENCES)
def test_epoch_zero_is_the_released_sequence(name):
    sequence = ORACLE["sequences"][name]
    identities, images = (int(part[1:]) for part in name.split("_")[1:])
    labels = (SMALL[key] for key in sequence["labels"].split(", "))
    redraw = {"redraw_below": images} if name.startswith("DART") else {}
    sampler = IdentitySampler(*labels, identities=identities, images=images, seed=sequence["numpy_seed"], **redraw)
    for side, index in enumerate(("index_vis", "index_ir")):
        assert np.concatenate([batch[side] for batch in epoch(sampler)]).tolist() == sequence[index]


def test_mpanets_epoch_zero_is_the_released_sequence():
    name = next(name for name in ORACLE["sequences"] if name.startswith("MPANet_random_"))
    oracle, (identities, images) = ORACLE["sequences"][name], (int(part[1:]) for part in name.split("_")[2:])
    labels = (np.array(ORACLE["small_labels"][name]) for name in ("labels_vis", "labels_ir"))
    sampler = ExhaustiveIdentitySampler(*labels, identities=identities, images=images // 2, seed=oracle["numpy_seed"])
    found = []
    for visible, infrared in epoch(sampler):
        # There, one list: the visible images, then the infrared ones; in a batch they alternate, infrared first.
        found += np.stack((infrared + len(ORACLE["small_labels"]["labels_vis"]), visible), axis=1).ravel().tolist()
    assert found == oracle["index"] and len(found) == oracle["len_after_iter"]


@pytest.mark.parametrize("name", FACTS)
def test_steps_per_epoch_are_what_the_release_runs(name):
    fact = ORACLE["facts"][name]
    visible, infrared = (np.arange(fact[key]) % fact["n_ids"] for key in ("n_vis", "n_ir"))
    counts = fact["ids_per_batch"], fact["images_per_id_per_modality"]
    sampler = IdentitySampler(visible, infrared, identities=counts[0], images=counts[1], seed=0)
    assert sampler.steps_per_epoch == fact["iterations_actually_run"]
    assert sampler.steps_per_epoch * fact["pairs_per_iteration"] == fact["index_length"]


def test_mpanets_steps_per_epoch_are_what_the_release_runs():
    exhaustive, once = (ORACLE["facts"][f"MPANet_identity_{name}/regdb"] for name in ("random", "uniform"))
    size = ORACLE["facts"]["AGW/regdb"]  # as many images of each identity
    labels = np.arange(size["n_ids"]).repeat(size["n_vis"] // size["n_ids"])
    counts = {"identities": exhaustive["p_size"], "images": exhaustive["k_size"] // 2}
    found = [ExhaustiveIdentitySampler(labels, labels, **counts, seed=seed).steps_per_epoch for seed in range(10)]
    assert found == exhaustive["iterations_seeds0to9"]
    assert OnceAnEpochSampler(labels, labels, **counts, seed=0).steps_per_epoch == once["iterations"]
    drawn = ORACLE["facts"]["MPANet_identity_random/sysu"]
    labels, counts = np.arange(395).repeat(20), {"identities": drawn["p_size"], "images": drawn["k_size"] // 2}
    assert ORACLE["facts"]["AGW/sysu"]["n_ids"] == 395
    uniform = ORACLE["facts"]["MPANet_identity_uniform/sysu"]["iterations"]
    assert OnceAnEpochSampler(labels, labels, **counts, seed=0).steps_per_epoch == uniform


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_depends_on_seed_epoch_and_step_only(name):
    np.random.seed(5)
    state, make = np.random.get_state()[1].copy(), EVERY[name]
    sampler, last = make(), make().steps_per_epoch - 1
    wanted = {(number, step): make().batch(number, step) for number in (0, 1, 5) for step in (0, last)}
    for (number, step), batch in reversed(wanted.items()):
        np.testing.assert_array_equal(sampler.batch(number, step), batch)
    everything = [tuple(np.concatenate(batch)) for batch in wanted.values()]
    assert len(set(everything)) == len(everything)
    assert not np.array_equal(make(seed=8).batch(1, 0), wanted[1, 0])
    assert np.array_equal(np.random.get_state()[1], state)  # never the global stream
    for step in (-1, last + 1):
        with pytest.raises(IndexError, match=f"step {step} is not in an epoch of {last + 1} steps"):
            sampler.batch(0, step)


@pytest.mark.parametrize("name", [*WHOLE, *MIXED])
@pytest.mark.parametrize("number", [0, 3])
def test_a_batch_has_k_images_of_each_modality_of_p_identities(name, number):
    for visible, infrared in epoch({**WHOLE, **MIXED}[name](), number):
        shown = VISIBLE[visible].reshape(4, 2)
        assert np.array_equal(shown.ravel(), INFRARED[infrared])
        assert len(set(shown[:, 0])) == 4 and (shown == shown[:, :1]).all()


@pytest.mark.parametrize("number", range(5))
def test_no_image_comes_twice_unless_its_identity_has_too_few(number):
    batches = epoch(WHOLE["ExhaustiveIdentitySampler"](), number)
    for side in zip(*batches[:5], strict=True):  # the first steps: the last may come from a further draw
        seen = np.concatenate(side).tolist()
        assert len(seen) == len(set(seen)) == 5 * 8


@pytest.mark.parametrize("kind", [ExhaustiveIdentitySampler, OnceAnEpochSampler])
def test_an_identity_with_fewer_images_than_k_is_drawn_again(kind):
    visible, infrared = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 1, 2, 2])
    for in_visible, in_infrared in epoch(kind(visible, infrared, identities=3, images=3, seed=0)):
        assert np.bincount(visible[in_visible]).tolist() == [3, 3, 3]
        assert np.bincount(infrared[in_infrared]).tolist() == [3, 3, 3]


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize(("mix", "from_external"), [(0.5, 2), (0.25, 1)])
def test_a_mixed_batch_has_the_share_of_external_identities(name, mix, from_external):
    sampler, seen = MIXED[name](mix=mix), set()
    for number in range(3):
        for visible, _ in epoch(sampler, number):
            shown = VISIBLE[visible].reshape(4, 2)[:, 0]
            assert np.isin(shown, list(EXTERNAL)).tolist() == [False] * (4 - from_external) + [True] * from_external
            seen |= set(shown.tolist())
    assert seen == set(range(12))
    with pytest.raises(ValueError, match="mix 0.05 of 4 identities gives 0 external ones"):
        MIXED[name](mix=0.05)


def test_trainings_of_a_seed_are_paired_batch_by_batch():
    """Own images 0 to 59; beside them nobody, four external identities, other images of these, or forty identities."""
    own, few, many = np.arange(6).repeat(10), np.arange(10, 14).repeat(5), np.arange(10, 50).repeat(7)
    counts = {"identities": 4, "images": 2, "seed": 3, "mix": 0.5}
    samplers, epochs = [], set()
    for external in (own[:0], few, np.repeat(few, 2), many):
        labels = np.concatenate((own, external))
        samplers.append(MixedIdentitySampler(labels, labels, external=set(external.tolist()), **counts))
        epochs.add(samplers[-1].steps_per_epoch)
    assert len(epochs) == 4, "their epochs have other lengths"
    for number in range(40):
        batches = [each.batch(*divmod(number, each.steps_per_epoch)) for each in samplers]
        for side in (0, 1):
            alone, *mixed = (batch[side] for batch in batches)
            assert (alone < 60).all() and all(np.array_equal(each[:4], alone[:4]) for each in mixed)
            assert len(set(own[alone[::2]])) == 4, "further identities, not the same again"
            assert all((each[4:] >= 60).all() for each in mixed)
            assert np.array_equal((mixed[0][4::2] - 60) // 5, (mixed[1][4::2] - 60) // 10), "the same identities"
    assert not np.array_equal(samplers[1].batch(0, 0), samplers[1].batch(0, 1))


@pytest.mark.parametrize("name", ["sysu", "regdb", "llcm"])
def test_all_images_fill_the_released_number_of_batches(name):
    fact, counts = (ORACLE["facts"][f"{kind}/{name}"] for kind in ("DART_warmup_AllSampler", "DART"))
    sampler = AllImagesSampler(counts["n_vis"], counts["n_ir"], images=fact["batch"], seed=0)
    assert sampler.steps_per_epoch == fact["iterations"]
    lengths = (fact["index_length_vis"], counts["n_vis"]), (fact["index_length_ir"], counts["n_ir"])
    for side, (length, count) in enumerate(lengths):
        positions = np.concatenate([batch[side] for batch in epoch(sampler)])
        seen = np.bincount(positions, minlength=count)
        assert len(positions) == length and len(seen) == count
        # It starts again from the front.
        assert seen.tolist() == [length // count + (place < length % count) for place in range(count)]
