"""Profiles: one YAML file that says on which data, with which models and how long the book runs. `profile_files`
reads and checks them."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from vireid_lib.data.strict import Strict
from vireid_lib.did_you_mean import hint
from vireid_lib.experiment.training_sets import expansion_of

OF_THE_WORLD = ("resampled_ir", "oracle_ir")
"""Generators that only the miniature world has: they know what its renderer knows."""

VARIANT_OF = "variant_of"
"""Key of a generator's settings: a variant has those of the named generator, and its own on top."""


Items = TypeVar("Items", bound=list)


def _distinct(items: Items) -> Items:
    if len(set(items)) != len(items):
        raise ValueError("names one entry twice, which would count one as two; remove it")
    return items


Distinct = AfterValidator(_distinct)
Some = Field(min_length=1)


def training_sets(profile: "Profile | None" = None) -> list[str]:
    """Names that `reid.training_sets` may hold, the profile's own variants of generators among them."""
    from vireid_lib import generators  # not above: pandas is too heavy for `vireid --help`

    variants = [] if profile is None else profile.variants
    left_out = OF_THE_WORLD if profile is not None and profile.world is None else ()
    return ["real", *(name for name in generators.names() if name not in left_out), *variants]


class World(Strict):
    """The miniature world that the book draws for itself."""

    seed: NonNegativeInt = 0
    size: str | dict[str, PositiveInt]
    """Name of a size that `vireid_lib.miniworld.write` knows, or the numbers of its `Size`."""


class Data(Strict):
    """Which data sets, and where they lie."""

    target: str
    """The visible-infrared set: name of a manifest in data_manifests/datasets/."""
    external: str | None = None
    """The visible-only set whose identities are expanded into infrared."""
    roots: dict[str, str]
    """Folder of each data set, relative to --data-root (without it, to the profile's file; in the miniature world, to
    what the book draws), or absolute."""
    broken_images: Literal["refuse", "skip"] = "refuse"
    """What to do about images that cannot be read: end with the first one's name, or leave them out and count them in
    every record."""

    @model_validator(mode="after")
    def _every_set_has_a_folder(self) -> "Data":
        for name in (self.target, self.external):
            if name is not None and name not in self.roots:
                raise ValueError(f"roots names no folder for {name}; add `{name}: FOLDER`")
        for name in self.roots:
            if name not in (self.target, self.external):
                raise ValueError(f"roots names {name}, which is neither target nor external; remove it")
        return self


class ImageSize(Strict):
    """Size in pixels that the ReID network sees."""

    height: PositiveInt
    width: PositiveInt


class Reid(Strict):
    """The ReID method and what it is trained on."""

    method: str = "agw"
    backbone: Literal["small", "resnet50"]
    config: dict[str, object] = {}
    """Overrides of the method's own settings; every default is the paper's."""
    length: Literal["equal", "published"] = "equal"
    """How long a training is where `config` sets no `steps`. `equal` gives each training set the steps of the real-only
    one (of the same method, settings, seed and split), and puts drops and warm-up at the same steps. With `published`,
    as papers have it, an epoch grows with the images that are added."""
    epoch_batch: dict[Literal["identities", "images"], PositiveInt] = {}
    """The batch that the steps of an epoch are counted by, where it is not the method's own: batches of another size
    then leave the number of steps as it is."""
    seeds: Annotated[list[NonNegativeInt], Some, Distinct]
    """One training per seed; tables show the mean and the standard deviation."""
    training_sets: Annotated[list[str], Some, Distinct]
    """What chapter 04 compares: `real`, and with each generator's infrared images by the generator's name (`grayscale`,
    `dive`, `flow2flow`, ...), also a variant of the profile's own (`generators`) and images of the training identities
    (`flow2flow.tse`, see `training_sets`); `resampled_ir` and `oracle_ir` exist in the miniature world only."""
    expanded: PositiveInt | None = None
    """At most so many of the expanded people are trained on, those with most images first and, of equally many, the
    first by name (DiVE's figure 5); null takes all."""


class Expand(Strict):
    """How much synthetic infrared is made."""

    identities: PositiveInt | None = None
    """At most so many external identities, those with most images first and, of equally many, the first by name
    (DiVE's figure 5); null takes all."""
    per_camera: PositiveInt
    """Images for each identity and camera."""
    min_images: PositiveInt = 12
    """Identities with fewer images are left out: too little to learn a token from (the DiVE release: 12)."""
    min_aspect: NonNegativeFloat = 0.0
    """External images that are less than so many times as high as wide are left out (the DiVE release: 2)."""
    splits: Annotated[list[Literal["train", "query", "gallery", "gt_bbox"]], Some, Distinct] = ["train"]
    """Parts of the external set, which is not what is tested. `gt_bbox` is Market-1501's folder of boxes drawn by hand,
    from which DiVE's release takes its 1,011 people. It shows the people of all other parts and is named alone. Who
    lacks it takes `[train, gallery]`: 751 people are in the training part."""
    cameras: Literal["infrared"] | Annotated[list[int], Some, Distinct] = "infrared"
    """Numbers of the target's cameras to imitate; "infrared" is all its infrared ones."""
    fits: PositiveInt = 1
    """How often a generator that learns is fitted, with its seeds s, s + 1, ...: the trainings of seed n use the
    pictures of fit n mod fits. More than one lets intervals over seeds contain other fits; fit 0 is the one that
    everything else uses."""
    counts: Annotated[list[PositiveInt], Distinct] = []
    """Numbers of people in DiVE's figure 5, besides all that are expanded. Fewer are taken from those. For more, a
    generator is fitted to so many, whatever `min_images` says; in the miniature world their true infrared is added."""

    @model_validator(mode="after")
    def _drawn_boxes_alone(self) -> "Expand":
        if "gt_bbox" in self.splits and len(self.splits) > 1:
            raise ValueError("splits names gt_bbox, which shows the people of the other parts too; name it alone")
        return self


OWN_SETTINGS = {"shots": "sysu-mm01", "draw": "sysu-mm01", "galleries": "sysu-mm01", "reading": "llcm"}


class Evaluation(Strict):
    """The protocol that is reported."""

    protocol: Literal["sysu-mm01", "regdb", "llcm"]
    modes: Annotated[list[str], Some, Distinct]
    """SYSU-MM01: all, indoor. RegDB, LLCM: visible-to-infrared, infrared-to-visible. The first is the main one."""
    trials: PositiveInt = 10
    shots: PositiveInt = 1
    """SYSU-MM01 only: gallery images for each identity and camera."""
    draw: Literal["seeded", "official"] = "seeded"
    """SYSU-MM01 only: how the gallery is drawn. "official" reads the data set's `exp/rand_perm_cam.mat` (JSIA-ReID,
    MPANet)."""
    galleries: PositiveInt = 1
    """SYSU-MM01 only: into so many parts the test identities are dealt, each ranked as a test of its own, in `trials`
    draws; the score is the mean. The papers have one. Validation identities are few and stay one gallery."""
    reading: Literal["paper", "release"] = "paper"
    """LLCM only: what visible-to-infrared means."""
    identities: Literal["test", "validation"] = "test"
    """Who is ranked. The validation identities are then not trained on, and settings may be chosen by their scores."""

    @model_validator(mode="after")
    def _fits_the_protocol(self) -> "Evaluation":
        valid = ("all", "indoor") if self.protocol == "sysu-mm01" else ("visible-to-infrared", "infrared-to-visible")
        for mode in self.modes:
            if mode not in valid:
                raise ValueError(f"modes names {mode!r}; {self.protocol} has {' and '.join(valid)}; write those")
        for key, owner in OWN_SETTINGS.items():
            if owner != self.protocol and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} is a setting of {owner}, not of {self.protocol}; remove it")
        if self.draw == "official" and self.galleries > 1:
            raise ValueError("draw: official is of one gallery; remove galleries, or write draw: seeded")
        return self

    @property
    def settings(self) -> dict[str, object]:
        """The protocol's own settings, besides mode and trials, as `protocols.build_protocol` takes them."""
        return {key: getattr(self, key) for key, owner in OWN_SETTINGS.items() if owner == self.protocol}


class Profile(Strict):
    """Everything that one run of the book depends on, besides the code and the data."""

    name: str
    title: str
    world: World | None
    data: Data
    images: ImageSize | None = None
    """null takes the method's published size."""
    reid: Reid
    generators: dict[str, dict[str, object]] = {}
    """Settings of the generators, by name; every default is the paper's, or the small recipe's in the miniature world.
    An entry with `variant_of: NAME` is a generator of its own name, with that one's settings and its own on top."""
    expand: Expand
    evaluation: Evaluation
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """What everything is computed on: `cuda` (generators take all GPUs), `cuda:1` (the second GPU alone), `cpu`, `mps`;
    `auto` is `cuda` where there is a GPU, else `cpu`."""
    minutes: dict[str, NonNegativeFloat] = {}
    """Expected minutes of each chapter on two CPU cores; the runner's first guess at the time left."""

    @property
    def variants(self) -> dict[str, str]:
        """The profile's own variants of generators: name → the generator that each is a variant of."""
        return {name: str(settings[VARIANT_OF]) for name, settings in self.generators.items() if VARIANT_OF in settings}

    @model_validator(mode="after")
    def _fits_its_world(self) -> "Profile":
        known = training_sets(self)
        for name in self.reid.training_sets:
            if self.world is None and name in OF_THE_WORLD:
                raise ValueError(f"reid.training_sets names {name}, which only the miniature world can give; remove it")
            expansion = expansion_of(name)
            if (expansion.generator if expansion else name) not in known:
                raise ValueError(f"reid.training_sets names {name!r}; {hint(name, known)}")
        if self.world is not None and self.evaluation.draw == "official":
            raise ValueError(
                "evaluation.draw is 'official', which reads a file that comes with SYSU-MM01, and the miniature world "
                "has none; use seeded"
            )
        return self
