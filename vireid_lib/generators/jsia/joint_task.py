"""The joint training for the one training loop: ReID network and generators together, then the discriminators."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.contents import write_atomically
from vireid_lib.generators.base.adversarial import adams, freeze
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.cost import Peak
from vireid_lib.generators.base.generator import RECORD
from vireid_lib.generators.jsia import Jsia, StyleBank, generation, losses
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.encoders import load_imagenet, network_input, statistics_kept
from vireid_lib.generators.jsia.generation import MODALITIES, ByModality, Made
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.joint_method import JsiaMethod, Output
from vireid_lib.reid.method import Batch
from vireid_lib.reid.train import ReidTask
from vireid_lib.training import schedules
from vireid_lib.training.task import Task

MODALITY = "discriminator_modality"


class JointTask(ReidTask):
    """Each step: everything that makes or recognises images (Eq. 16), then the discriminators. `start` is the folder of
    a fitted `Jsia`, whose set-level encoder becomes the network's, or, if it is not shared, stays the generators'."""

    def __init__(self, table: pd.DataFrame, config: JsiaReidConfig, *, seed: int, cache: Path | None, start: Path):
        self.start = Jsia.load(start, device="cpu", progress=False)
        _check(self.start, config, start)
        super().__init__(table, config, seed=seed, cache=cache)
        self.table, self.cache = table, cache
        self.config = {**self.config, "generator": self.start.summary()["weights"]}
        held = self.start.networks
        held.requires_grad_(True).train()
        network = self.method.network
        if config.pretrained is not None:
            load_imagenet([network.set_level, network.instance_level], config.pretrained)
        if config.set_level == "shared":
            network.set_level.load_state_dict(held["set_level"].state_dict())
        self._assemble(config, held, seed)

    @classmethod
    def outline(cls, config: JsiaReidConfig, made_at: JsiaConfig, identities: int) -> Self:
        """The training without table, weights and images, on the meta device."""
        task = cls.__new__(cls)
        Task.__init__(task)
        task.start, task.device = Jsia(made_at, device="cpu", progress=False), torch.device("meta")
        with torch.device("meta"):
            task.method = task.make_method(config, identities)
            task.modules["network"] = task.method.network
            task._assemble(config, generation.make_networks(made_at), 0)
        return task

    def _assemble(self, config: JsiaReidConfig, held: Mapping[str, nn.Module], seed: int) -> None:
        """Modules and optimisers besides the network's, of the networks that the pre-training left."""
        self.settings = config
        self.generators = tuple(name for name in held if name.startswith(("style_", "decoder_", "latent_")))
        self.discriminators = tuple(name for name in held if name.startswith("discriminator_"))
        self.shared = config.set_level == "shared"
        if not self.shared:
            self.generators += ("set_level",)
        if not config.needs_generation:
            self.generators = self.discriminators = ()
        self.modules |= {name: held[name] for name in (*self.generators, *self.discriminators)}
        if config.set_level == "adversarial":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                layers = nn.Linear(self.method.network.set_level.channels, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
            self.modules[MODALITY] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)
            self.discriminators += (MODALITY,)
        for player, names in (("generators", self.generators), ("discriminators", self.discriminators)):
            if learned := [each for name in names for each in self.modules[name].parameters()]:
                rates = {"weight_decay": config.generation_decay, player: learned}
                self.optimizers |= adams(config.generation_rate, **rates)

    def make_method(self, config: JsiaReidConfig, identities: int) -> JsiaMethod:
        return JsiaMethod(config, identities)

    def before_step(self, step: int) -> None:
        super().before_step(step)
        for name in self.optimizers.keys() & {"generators", "discriminators"}:
            schedules.scale_learning_rates(self.optimizers[name], self.method.drop(self.position(step)[0]))

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        moved = self.method.move(self.batch(step))
        freeze(self.modules, self.discriminators, True)
        found, discriminating, made = self._learn(moved, step % self.settings.generate_every == 0)
        total = sum(found.values())
        self._update(accelerator, ("network", "generators"), total, made)
        freeze(self.modules, self.discriminators, False)
        if of_discriminators := discriminating():
            self._update(accelerator, ("discriminators",), sum(of_discriminators.values()))
        found = {"total": total, **found, **of_discriminators}
        return {name: value.detach() for name, value in found.items()}

    def step_bytes(self) -> int:
        """Bytes that a step needs besides weights, gradients and moments: of an `outline`, which runs one."""
        count, size = self.settings.identities * self.settings.images, (self.settings.height, self.settings.width)
        images = torch.empty(count, 3, *size, device=self.device)
        labels = torch.arange(self.settings.identities, device=self.device).repeat_interleave(self.settings.images)
        rows = torch.arange(count)
        batch = Batch(images, images, labels, labels, rows, rows, torch.Generator())
        freeze(self.modules, self.discriminators, True)
        with Peak() as peak:
            found, discriminating, made = self._learn(self.method.move(batch))
            sum(found.values()).backward()
            freeze(self.modules, self.discriminators, False)
            if of_discriminators := discriminating():
                sum(of_discriminators.values()).backward()
            del found, discriminating, made, of_discriminators
        return peak.bytes

    def _learn(self, moved: Batch, generates: bool = True):
        """The losses of network and generators, weighted, a function that gives the discriminators' afterwards, and
        what was generated, if the step `generates`."""
        batch, network = self.method.augment(moved), self.modules["network"]
        maps = network(torch.cat((batch.visible, batch.infrared)), "set_level")
        found = self.method.identity_losses(network(maps, "instance_level"), batch)
        infrared = torch.zeros(len(maps), device=self.device)
        infrared[len(batch.visible) :] = 1.0
        if MODALITY in self.modules:
            guess = self.modules[MODALITY](maps)[:, 0]
            wrong = functional.binary_cross_entropy_with_logits(guess, 1 - infrared)
            found["modality"] = self.settings.modality_weight * wrong
        made, real = None, {}
        if self.settings.needs_generation and generates:
            real = self._for_generation(moved)
            made, of_generation = self._generate(real, moved.generator)
            found["generation"] = of_generation["total"]
            if self.settings.il_weight or self.settings.lr_weight or self.settings.ui_weight:
                found |= self._align(real, made, moved.generator)

        def discriminating() -> dict[str, Tensor]:
            of_discriminators = generation.discriminate(self.modules, real, made.fake) if made else {}
            if MODALITY in self.modules:
                guess = self.modules[MODALITY](maps.detach())[:, 0]
                of_discriminators[MODALITY] = functional.binary_cross_entropy_with_logits(guess, infrared)
            return of_discriminators

        return found, discriminating, made

    def _generate(self, real: ByModality, draw: torch.Generator) -> tuple[Made, dict[str, Tensor]]:
        through = {"encoder": self.modules["network"], "part": ["set_level"]} if self.shared else {}
        return generation.generate(self.modules, real, self.start.config, draw, **through)

    def _align(self, real: ByModality, made: Made, draw: torch.Generator) -> dict[str, Tensor]:
        """IL, LR and UI: what the network learns from generated images."""
        reaches = self.settings.end_to_end
        with statistics_kept(self.modules["network"]):
            if self.shared and reaches:  # the generators have these maps already
                held = [each[name] for each in (made.maps, made.fake_maps) for name in MODALITIES]
                parts = _split(self.modules["network"](torch.cat(held), "instance_level"))
            else:
                fake = [made.fake[name] if reaches else made.fake[name].detach() for name in MODALITIES]
                parts = _split(self._recognise(torch.cat([*(real[name] for name in MODALITIES), *fake])))
            of_real = dict(zip(MODALITIES, parts[:2], strict=True))
            of_fake = dict(zip(MODALITIES, parts[2:], strict=True))
            found = self.method.alignment_losses(of_real, of_fake)
            if self.settings.ui_weight:
                found["ui"] = self.settings.ui_weight * self._unseen(made, of_real, draw)
        return found

    def _unseen(self, made: Made, of_real: Mapping[str, Output], draw: torch.Generator) -> Tensor:
        """Eq. 15 on mixtures of each image with another of its modality, drawn at random."""
        partner, share = {}, {}
        for name in MODALITIES:
            count = len(made.maps[name])
            partner[name] = torch.randperm(count, generator=draw).to(self.device)
            share[name] = torch.rand(count, generator=draw).to(self.device)
        pictures = torch.cat([*generation.mixed(self.modules, made, partner, share).values()])
        pictures = pictures if self.settings.end_to_end else pictures.detach()
        logits = torch.cat([of_real[name].logits for name in MODALITIES])
        others = torch.cat([of_real[name].logits[partner[name]] for name in MODALITIES])
        return losses.unseen(self._recognise(pictures).logits, logits, others, torch.cat([*share.values()]))

    def _recognise(self, pictures: Tensor) -> Output:
        return self.modules["network"](network_input(pictures, self.start.config.enlargement))

    def _for_generation(self, moved: Batch) -> ByModality:
        """The pictures in -1..1 that pass the generators: of the first people of the batch, each one's first images."""
        config, size = self.settings, (self.start.config.height, self.start.config.width)
        chosen = torch.arange(config.identities * config.images).view(config.identities, config.images)
        chosen = chosen[: config.generation_identities, : config.generation_images].flatten()
        found = {name: getattr(moved, name)[chosen] for name in MODALITIES}
        if moved.visible.shape[2:] != size:
            found = {name: functional.interpolate(each, size, mode="area") for name, each in found.items()}
        return {name: each * 2 - 1 for name, each in found.items()}

    def _update(self, accelerator: Accelerator, players: Sequence[str], loss: Tensor, made: Made | None = None) -> None:
        if self.processes > 1 and made is not None and made.apart is not None:
            raise ValueError(
                "feature_reaches_encoder is False, which takes two backward passes of a step: the joint training does "
                "that in a single process. Start one, or set feature_reaches_encoder to True or feature_weight to 0."
            )
        held = [self.optimizers[name] for name in players if name in self.optimizers]
        for optimizer in held:
            optimizer.zero_grad(set_to_none=True)
        encoder = self.modules["network"] if self.shared else self.modules.get("set_level")
        generation.backward(accelerator, loss, made, encoder)
        for optimizer in held:
            optimizer.step()

    def keep(self, folder: Path) -> None:
        """Write the generators as they are now, with the styles of the table's images, as a fitted `Jsia`."""
        networks = dict(self.start.networks.items())
        networks |= {name: module for name, module in self.modules.items() if name in networks}
        if self.shared:
            networks["set_level"].load_state_dict(self.method.network.set_level.state_dict())
        size = (self.start.config.height, self.start.config.width)
        networks["styles"] = StyleBank.of(networks, Batches(self.table, size, self.cache))
        weights = self.start.write_weights(folder, nn.ModuleDict(networks).state_dict())
        record = self.start._record | {"images": len(self.table), "weights": weights}
        record |= {"identities": len(self.identities), "joint_steps": self.steps}
        write_atomically(folder / RECORD, json.dumps(record, indent=1).encode())


def _split(output: Output) -> list[Output]:
    """An output of four equal parts as four."""
    size = len(output.logits) // 4
    parts = [[None] * 4 if each is None else each.split(size) for each in output]
    return [Output(*each) for each in zip(*parts, strict=True)]


def _check(generator: Jsia, config: JsiaReidConfig, place: Path) -> None:
    made = generator.config
    held = {name: (getattr(made, name), getattr(config, name)) for name in ("backbone", "grey_encoder", "stem_relu")}
    sizes = (f"{height}x{width} pixels" for height, width in (made.input_size, (config.height, config.width)))
    for name, (then, now) in (held | {"an encoder trained at": tuple(sizes)}).items():
        if then != now:
            raise ValueError(f"The jsia in {place} has {name} {then}, the joint training {now}: give both the same.")
    if config.ui_weight and not made.variation:
        raise ValueError(f"ui_weight must be 0: the jsia in {place} has no variation module (or fit one that has).")
