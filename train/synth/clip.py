"""A clip of a conveyor: planned to the last frame from a seed, checked against its own rules, then rendered.

The plan needs geometry alone, so that the ground truth is known before a pixel is drawn and no reader has a say in it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from devices.errors import EdgekitError
from edge.demo.truth import ParcelTruth, UnreadableReason
from train.synth.arrays import Floats, Image
from train.synth.cartons import Carton
from train.synth.codes import Symbology
from train.synth.geometry import Camera, silhouette
from train.synth.motion import Move, positions, total_s
from train.synth.observation import Observation, observe
from train.synth.parcels import Condition, ParcelPlan, build_parcel, line_up, plan_parcel
from train.synth.scenery import BeltView, belt_stage, random_belt_view
from train.synth.settings import ClipConfig
from train.synth.stage import NOISE_MARGIN, LabelledBox, Stage, label_boxes, photograph

ATTEMPTS = 30
CM_PER_MOMENT = 0.05  # while the shutter is open, moments further apart than this are averaged
UNREADABLE = tuple(Condition(reason.value) for reason in UnreadableReason)


@dataclass(frozen=True, slots=True, eq=False)
class ClipPlan:
    """A clip before it is rendered.

    Attributes:
        config: What was asked for.
        seed: Where all chance came from.
        stage: What stands still.
        cartons: The parcels, painted, where they stand when the belt is at 0.
        belt_cm: (N,), where the belt is at each frame as the shutter is half open.
        blur_cm: (N,), how far it moves while the shutter is open.
        boxes: For each frame what a detector should find.
        parcels: What is true of each parcel.
    """

    config: ClipConfig
    seed: int
    stage: Stage
    cartons: tuple[Carton, ...]
    belt_cm: Floats
    blur_cm: Floats
    boxes: tuple[tuple[LabelledBox, ...], ...]
    parcels: tuple[ParcelTruth, ...]

    @property
    def standing_frames(self) -> tuple[tuple[int, int], ...]:
        """Return the stretches in which the belt stands: the first frame that shows nothing new, and the last."""
        stands = np.flatnonzero(np.diff(self.belt_cm) == 0) + 1
        stretches = np.split(stands, np.flatnonzero(np.diff(stands) > 1) + 1)
        return tuple((int(frames[0]), int(frames[-1])) for frames in stretches if len(frames))


@dataclass(frozen=True, slots=True, eq=False)
class RenderedFrame:
    """A frame: its index, picture (H, W, 3) uint8 BGR, and what a detector should find in it."""

    index: int
    image: Image
    boxes: tuple[LabelledBox, ...]


def plan_clip(config: ClipConfig, seed: int) -> ClipPlan:
    """Plan a clip; the same configuration and seed give the same plan.

    Raises:
        EdgekitError: No scene that keeps the configuration's rules was found.
    """
    fault = ""
    for attempt in range(ATTEMPTS):
        plan, fault = _attempt(config, seed, attempt)
        if plan is not None:
            return plan
    raise EdgekitError(f"seed {seed} gives no clip that keeps the rules ({fault}); take another seed or easier rules")


def render_clip(plan: ClipPlan) -> Iterator[RenderedFrame]:
    """Render the frames of a plan, one after another."""
    for index, (belt_cm, blur_cm) in enumerate(zip(plan.belt_cm.tolist(), plan.blur_cm.tolist(), strict=True)):
        column, row = np.random.default_rng([plan.seed, 1, index]).integers(0, NOISE_MARGIN, 2)
        steps = 1 if abs(blur_cm) < CM_PER_MOMENT else 2 if abs(blur_cm) < 2 * CM_PER_MOMENT else 3
        offsets = [blur_cm * (step / (steps - 1) - 0.5) if steps > 1 else 0.0 for step in range(steps)]
        seen = in_reach(plan.stage.camera, plan.cartons, belt_cm)
        exposures = [[carton.moved_to(carton.block.x + offset) for carton in seen] for offset in offsets]
        image = photograph(plan.stage, exposures, belt_cm, (int(column), int(row)))
        yield RenderedFrame(index, image, plan.boxes[index])


def in_reach(camera: Camera, cartons: Sequence[Carton], belt_cm: float) -> list[Carton]:
    """Return the cartons that may be seen with the belt at a place, moved there."""
    moved = [carton.moved_to(carton.block.x + belt_cm) for carton in cartons]
    return [carton for carton in moved if _in_picture(camera, carton)]


def _in_picture(camera: Camera, carton: Carton) -> bool:
    if abs(carton.block.x) > 2.5 * camera.position[2]:
        return False
    # Shadows reach a little further than their box.
    across = camera.project(carton.block.corners())[:, 0]
    return bool(across.max() > -0.1 * camera.width_px and across.min() < 1.1 * camera.width_px)


def _attempt(config: ClipConfig, seed: int, attempt: int) -> tuple[ClipPlan | None, str]:
    """Return a plan, or None and the rule that it broke."""
    rng = np.random.default_rng([seed, 0, attempt])
    view = random_belt_view(rng)
    stage = belt_stage(rng, view, (config.width_px, config.height_px), noise_sigma=rng.uniform(*config.noise_sigma))
    plans = _parcels(rng, config, view, stage.camera)
    cartons = tuple(build_parcel(rng, parcel, stage.camera) for parcel in plans)
    moves = _moves(rng, config, stage.camera, cartons)
    cartons = tuple(carton.moved_to(carton.block.x + moves.start_cm) for carton in cartons)
    middle_s = np.arange(math.floor(total_s(moves.moves) * config.fps)) / config.fps
    open_s = rng.uniform(*config.shutter_share) / config.fps
    belt_cm = positions(moves.moves, middle_s)
    blur_cm = positions(moves.moves, middle_s + open_s / 2) - positions(
        moves.moves, np.clip(middle_s - open_s / 2, 0, None)
    )
    sights = [in_reach(stage.camera, cartons, place) for place in belt_cm.tolist()]
    boxes = tuple(label_boxes(stage.camera, seen) for seen in sights)
    observed = observe(stage.camera, sights, config.line_x)
    faults = [fault for plan in plans if (fault := _fault(config, plan.condition, observed.get(plan.number)))]
    if faults:
        return None, faults[0]
    parcels = tuple(_truth(plan, observed[plan.number]) for plan in plans)
    return ClipPlan(config, seed, stage, cartons, belt_cm, blur_cm, boxes, parcels), ""


def _parcels(rng: np.random.Generator, config: ClipConfig, view: BeltView, camera: Camera) -> list[ParcelPlan]:
    """Return the parcels, foremost first, their symbologies and faults in even numbers and random order."""
    bad = math.ceil(config.parcels * config.unreadable_share)
    first = int(rng.integers(len(UNREADABLE)))
    conditions = [UNREADABLE[(first + index) % len(UNREADABLE)] for index in range(bad)]
    conditions += [Condition.READABLE] * (config.parcels - bad)
    kinds = list(Symbology)
    symbologies = [kinds[index % len(kinds)] for index in range(config.parcels)]
    rng.shuffle(symbologies)
    order = rng.permutation(config.parcels)
    reach_cm = (-0.42 * view.view_cm, (config.line_x - 0.5) * view.view_cm)
    texts: set[str] = set()
    plans: list[ParcelPlan] = []
    for number, index in enumerate(order, start=1):
        plan = plan_parcel(rng, number, conditions[index], symbologies[index], camera, reach_cm)
        while plan.code is not None and plan.code.text in texts:
            plan = plan_parcel(rng, number, conditions[index], symbologies[index], camera, reach_cm)
        texts |= {plan.code.text} if plan.code else set()
        plans.append(plan)
    return line_up(rng, plans, config.touching_share)


@dataclass(frozen=True, slots=True)
class _Way:
    """The belt's moves, and where the first parcel stands before them."""

    start_cm: float
    moves: tuple[Move, ...]


def _moves(rng: np.random.Generator, config: ClipConfig, camera: Camera, cartons: Sequence[Carton]) -> _Way:
    """Return how the belt moves: from the first parcel just in view to the last one well beyond the line."""
    line_px = config.line_x * config.width_px
    start = _x_where_centre_is(camera, cartons[0], 0.16 * config.width_px)
    crossing = [_x_where_centre_is(camera, carton, line_px) - carton.block.x - start for carton in cartons]
    end = _x_where_centre_is(camera, cartons[-1], 0.86 * config.width_px) - cartons[-1].block.x - start
    speed = rng.uniform(27, 34)
    inner = rng.permutation(np.arange(2, len(cartons) - 1))
    backs = sorted(int(index) for index in inner[: config.roll_backs])
    moves: list[Move] = []
    halts = sorted(rng.uniform(0.06, 0.94, config.stops) * end)
    for index in backs:
        there = crossing[index] + rng.uniform(1.5, 4.0)
        moves += [
            Move(place, speed * rng.uniform(0.92, 1.08), rng.uniform(0.8, 1.8)) for place in halts if place < there
        ]
        halts = [place for place in halts if place >= there]
        moves.append(Move(there, speed * rng.uniform(0.92, 1.08), rng.uniform(0.2, 0.6)))
        moves.append(Move(there - rng.uniform(8, 16), speed * rng.uniform(0.4, 0.7), rng.uniform(0.2, 0.6)))
    moves += [Move(place, speed * rng.uniform(0.92, 1.08), rng.uniform(0.8, 1.8)) for place in halts]
    moves.append(Move(end, speed * rng.uniform(0.92, 1.08)))
    return _Way(start, tuple(moves))


def _x_where_centre_is(camera: Camera, carton: Carton, at_px: float) -> float:
    """Return the x, cm, at which the middle of a carton's outline lies at a column of the picture."""
    low, high = -3.0 * camera.position[2], 3.0 * camera.position[2]
    for _ in range(40):
        middle = (low + high) / 2
        outline = silhouette(camera, replace(carton.block, x=middle))[:, 0]
        if outline.min() + outline.max() < 2 * at_px:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _fault(config: ClipConfig, condition: Condition, seen: Observation | None) -> str:
    """Return which rule a parcel breaks, or nothing."""
    if seen is None or not seen.crossing_frames or len(seen.crossing_frames) % 2 == 0:
        return "a parcel does not cross the line for good"
    if condition is Condition.READABLE and seen.clear_frames < config.least_clear_frames:
        return "a readable label is in full view too briefly"
    if condition is Condition.READABLE and (seen.least_module_px or 0.0) < config.least_module_px:
        return "a readable code has too few pixels a module"
    if condition is Condition.TOO_SMALL and (seen.greatest_module_px or 0.0) >= config.greatest_small_px:
        return "a code meant to be too small is not"
    return ""


def _truth(plan: ParcelPlan, seen: Observation) -> ParcelTruth:
    readable = plan.condition is Condition.READABLE
    printed = plan.code.text if plan.code else None
    return ParcelTruth(
        id=plan.number,
        readable=readable,
        unreadable_reason=None if readable else UnreadableReason(plan.condition.value),
        text=printed if readable else None,
        printed_text=printed,
        symbology=plan.code.symbology.value if plan.code else None,
        least_module_px=seen.least_module_px,
        greatest_module_px=seen.greatest_module_px,
        clear_frames=seen.clear_frames,
        crossing_frames=seen.crossing_frames,
    )
