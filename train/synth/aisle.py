"""An aisle of a warehouse: loads on the floor or in a rack, seen by a person's eye or from under the ceiling."""

import math
from dataclasses import dataclass

import numpy as np

from train.synth.arrays import Image, clipped, smooth_noise
from train.synth.cartons import Carton, face_cm
from train.synth.geometry import Block, Camera, Plane, Side, in_view, look_at
from train.synth.loads import PALLET_CM, LoadPlan, build_load, plan_load
from train.synth.scenery import light_field, noise_tiles
from train.synth.stage import Stage, paint_plane
from train.synth.surfaces import any_colour, ground, softened

_RACK_CM = (172.0, 12.0)  # from the floor to a beam's upper edge, and the beam's height
_POST_CM = 9.0


@dataclass(frozen=True, slots=True)
class Aisle:
    """A scene: what stands still, all boxes (cartons, wood, steel), and the hull of each load by its first number."""

    stage: Stage
    boxes: tuple[Carton, ...]
    loads: tuple[tuple[int, Block], ...]


@dataclass(frozen=True, slots=True)
class AisleView:
    """A camera, and whether it hangs above the aisle rather than being held by somebody in it."""

    camera: Camera
    above: bool
    view_cm: float


def aisle_scene(rng: np.random.Generator, size_px: tuple[int, int], above_share: float) -> Aisle:
    """Return a random aisle.

    Args:
        rng: Where all chance comes from.
        size_px: Width and height of the picture.
        above_share: How often the camera hangs above the aisle.
    """
    view = _view(rng, size_px, above=bool(rng.random() < above_share))
    lamp = rng.uniform(-0.2, 0.2)
    top = 1.0 if view.above else rng.uniform(0.7, 1.0)
    light = {Side.TOP: top, Side.FRONT: rng.uniform(0.6, 0.95), Side.LEFT: 0.65 + lamp, Side.RIGHT: 0.65 - lamp}
    racked = not view.above and rng.random() < 0.45
    boxes: list[Carton] = []
    loads: list[tuple[int, Block]] = []
    for plan in _plans(rng, view, racked=racked):
        loads.append((len(boxes), plan.hull))
        boxes += build_load(rng, plan, view.camera, light, len(boxes))
    if racked:
        steel = np.array([(150, 70, 30), (30, 90, 210), (90, 95, 100)][rng.integers(3)], np.float32)
        parts = [block for block in _rack(view.view_cm) if in_view(view.camera, block)]
        boxes += [_steel(rng, len(boxes) + index, block, light, steel) for index, block in enumerate(parts)]
    stage = Stage(
        camera=view.camera,
        backdrop=softened(_backdrop(rng, view), float(rng.uniform(0.3, 2.0))),
        belt=None,
        shadow=(float(rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.25, 0.25))),
        shadow_depth=float(rng.uniform(0.2, 0.7)),
        gain=clipped(light_field(rng, size_px, strength=1.8) * np.float32(rng.uniform(0.55, 1.25))),
        lens_sigma=float(rng.choice([0.3, 0.5, 0.8, 1.3], p=[0.35, 0.35, 0.2, 0.1])),
        noise=noise_tiles(rng, size_px, float(rng.uniform(0.5, 7))),
    )
    return Aisle(stage, tuple(boxes), tuple(loads))


def _view(rng: np.random.Generator, size_px: tuple[int, int], *, above: bool) -> AisleView:
    view_cm = math.exp(rng.uniform(math.log(150), math.log(430)))
    camera = look_at(
        (rng.uniform(-40, 40), 0.0, rng.uniform(20, 60) if above else rng.uniform(50, 110)),
        distance_cm=max(300.0, view_cm * rng.uniform(1.0, 1.5)) + (150.0 if above else 0.0),
        tilt=math.radians(rng.uniform(22, 58) if above else rng.uniform(72, 87)),
        pan=math.radians(rng.uniform(-28, 28)),
        roll=math.radians(rng.normal(0, 2)),
        view_cm=view_cm,
        size_px=size_px,
    )
    return AisleView(camera, above, view_cm)


def _plans(rng: np.random.Generator, view: AisleView, *, racked: bool) -> list[LoadPlan]:
    """Return the loads that are in view, pallets end to end along x, some places empty, from above in two rows."""
    endwise = racked or bool(rng.random() < 0.5)  # the short side to the aisle, as racks have them
    length, width = (PALLET_CM[1], PALLET_CM[0]) if endwise else PALLET_CM[:2]
    pitch = length + rng.uniform(8, 25)
    most = max(1, math.ceil(view.view_cm / pitch / 2 + 0.5))
    depths = [0.0, width + rng.uniform(6, 120)] if view.above and rng.random() < 0.6 else [0.0]
    plans: list[LoadPlan] = []
    for level in (0.0, _RACK_CM[0]) if racked else (0.0,):
        for y in depths:
            for place in range(-most, most + 1):
                yaw = 0.0 if racked else math.radians(rng.normal(0, 1.2))
                shift = 0.0 if racked else rng.uniform(-4, 4)
                pallet = Block(place * pitch, y + shift, level, length, width, PALLET_CM[2], yaw)
                if rng.random() < 0.15 or not in_view(view.camera, pallet):
                    continue
                room = _RACK_CM[0] - _RACK_CM[1] - PALLET_CM[2] - 8 if racked else 165.0
                plans.append(plan_load(rng, view.camera, pallet, room))
    return plans


def _rack(view_cm: float) -> list[Block]:
    """Return beams and posts in front of the pallets of a rack; posts between every third and fourth place."""
    front = -PALLET_CM[0] / 2 - 6
    beams, posts = [], []
    bay = 3 * (PALLET_CM[1] + 16.0)
    for index in range(-2, 3):
        middle = index * bay
        if abs(middle) > view_cm + bay:
            continue
        beams.append(Block(middle, front, _RACK_CM[0] - _RACK_CM[1], bay - _POST_CM - 1, 5.0, _RACK_CM[1]))
        posts.append(Block(middle + bay / 2, front, 0.0, _POST_CM, 7.0, 330.0))
    return [*beams, *posts]


def _steel(rng: np.random.Generator, number: int, block: Block, light: dict[Side, float], colour: np.ndarray) -> Carton:
    textures: dict[Side, Image] = {}
    for side, level in light.items():
        across, down = face_cm(block, side)
        value = 1 + 0.03 * smooth_noise(rng, max(4, round(down)), max(4, round(across)), 14)
        if side is Side.FRONT and down > across:  # a post has a row of holes
            value[::5, value.shape[1] // 3 : -(value.shape[1] // 3)] *= 0.3
        textures[side] = clipped(value[..., None] * colour * np.float32(level))
    return Carton(number, block, textures, labelled=False)


def _backdrop(rng: np.random.Generator, view: AisleView) -> Image:
    """Return floor with a marked lane, and a wall or the dark behind the loads."""
    camera = view.camera
    canvas = ground(rng, camera.width_px, camera.height_px)
    reach = 4.0 * view.view_cm
    far = rng.uniform(250, 700)
    wall = Plane(np.array([-reach, far, 700.0]), np.array([2 * reach, 0.0, 0.0]), np.array([0.0, 0.0, -700.0]))
    _paint_before(canvas, camera, wall, clipped(ground(rng, 900, 500) * np.float32(rng.uniform(0.25, 1.0))))
    floor, marked = ground(rng, 1400, 1000), any_colour(rng, 60, 220)
    for near in np.linspace(float(camera.position[1]), -PALLET_CM[0] / 2, 9):
        plane = Plane(np.array([-reach, far, 0.0]), np.array([2 * reach, 0.0, 0.0]), np.array([0.0, near - far, 0.0]))
        if _paint_before(canvas, camera, plane, floor):
            break
    edge = -PALLET_CM[0] / 2 - rng.uniform(12, 40)
    lane = Plane(np.array([-reach, edge, 0.0]), np.array([2 * reach, 0.0, 0.0]), np.array([0.0, -9.0, 0.0]))
    if rng.random() < 0.6:
        worn = 1 + 0.12 * smooth_noise(rng, 12, 900, 20)
        _paint_before(canvas, camera, lane, clipped(worn[..., None] * np.asarray(marked, np.float32)))
    return canvas


def _paint_before(canvas: Image, camera: Camera, plane: Plane, texture: Image) -> bool:
    """Paint a rectangle that lies wholly before the camera, in place; say whether it does."""
    if (camera.depth_cm(plane.corners()) <= 1.0).any():
        return False
    paint_plane(canvas, camera, plane, texture)
    return True
