"""What surrounds the cartons of a belt: camera, conveyor, floor, wall, light and noise, all drawn from the seed."""

import math
from dataclasses import dataclass

import numpy as np

from train.synth.arrays import Image, clipped, smooth_noise
from train.synth.geometry import Block, Camera, Plane, Side, look_at
from train.synth.stage import NEUTRAL_GAIN, NOISE_MARGIN, MovingBelt, Stage, paint_plane
from train.synth.surfaces import any_colour, belt, ground, rollers, softened

BELT_PERIOD_CM = 180.0
BELT_DENSITY = 9.0  # texture pixels per centimetre
FLOOR_DEPTH_CM = 70.0


@dataclass(frozen=True, slots=True)
class BeltView:
    """The conveyor and how the camera sees it; lengths in cm, angles in radians."""

    view_cm: float
    distance_cm: float
    tilt: float
    pan: float
    roll: float
    target_y_cm: float
    belt_width_cm: float
    rubber: bool


def random_belt_view(rng: np.random.Generator) -> BeltView:
    """Return a view as the demonstration's camera has it: from above at an angle, about three cartons in view."""
    return BeltView(
        view_cm=rng.uniform(96, 106),
        distance_cm=rng.uniform(135, 175),
        tilt=math.radians(rng.uniform(20, 34)),
        pan=math.radians(rng.uniform(-3, 3)),
        roll=math.radians(rng.uniform(-1.5, 1.5)),
        target_y_cm=rng.uniform(0, 4),
        belt_width_cm=rng.uniform(42, 48),
        rubber=bool(rng.random() < 0.6),
    )


def camera_of(view: BeltView, size_px: tuple[int, int]) -> Camera:
    """Place the camera of a view."""
    return look_at(
        (0.0, view.target_y_cm, 6.0),
        distance_cm=view.distance_cm,
        tilt=view.tilt,
        pan=view.pan,
        roll=view.roll,
        view_cm=view.view_cm,
        size_px=size_px,
    )


def belt_stage(rng: np.random.Generator, view: BeltView, size_px: tuple[int, int], *, noise_sigma: float) -> Stage:
    """Paint a conveyor and its surroundings.

    Args:
        rng: Where all chance comes from.
        view: The conveyor and the camera.
        size_px: Width and height of the picture.
        noise_sigma: Standard deviation of the sensor's noise, levels of 0..255.
    """
    camera = camera_of(view, size_px)
    backdrop = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    reach = view.view_cm * 1.6
    _paint_room(rng, backdrop, camera, view, reach)
    bed = Plane(
        np.array([-reach, view.belt_width_cm / 2, 0.0]),
        np.array([2 * reach, 0.0, 0.0]),
        np.array([0.0, -view.belt_width_cm, 0.0]),
    )
    moving = None
    if view.rubber:
        texture = belt(rng, BELT_PERIOD_CM, view.belt_width_cm, BELT_DENSITY)
        moving = MovingBelt(bed, np.hstack([texture] * math.ceil(2 * reach / BELT_PERIOD_CM)), BELT_PERIOD_CM)
        length = moving.texture.shape[1] / BELT_DENSITY
        moving = MovingBelt(Plane(bed.origin, np.array([length, 0.0, 0.0]), bed.down), moving.texture, BELT_PERIOD_CM)
    else:
        paint_plane(backdrop, camera, bed, rollers(rng, 2 * reach, view.belt_width_cm, BELT_DENSITY))
    return Stage(
        camera=camera,
        backdrop=softened(backdrop, 0.6),
        belt=moving,
        shadow=(float(rng.uniform(-0.45, 0.45)), float(rng.uniform(-0.3, 0.35))),
        shadow_depth=float(rng.uniform(0.35, 0.8)),
        gain=light_field(rng, size_px, strength=1.0),
        lens_sigma=0.45,
        noise=noise_tiles(rng, size_px, noise_sigma),
    )


def _paint_room(rng: np.random.Generator, canvas: Image, camera: Camera, view: BeltView, reach: float) -> None:
    """Paint floor, far wall and the conveyor's frame, in place."""
    floor = Plane(
        np.array([-2 * reach, 150.0, -FLOOR_DEPTH_CM]), np.array([4 * reach, 0, 0.0]), np.array([0.0, -330.0, 0.0])
    )
    paint_plane(canvas, camera, floor, ground(rng, 1600, 900))
    steel = np.asarray(any_colour(rng, 0.86, 1.0)) * rng.uniform(70, 165)
    rail_cm, rail_height = rng.uniform(3.5, 6.5), rng.uniform(0.4, 1.4)
    for sign in (1, -1):
        middle = sign * (view.belt_width_cm + rail_cm) / 2
        rail = Block(0.0, middle, -9.0, 2 * reach, rail_cm, 9.0 + rail_height)
        _paint_metal(rng, canvas, camera, rail, steel)
    for leg in np.arange(-reach + rng.uniform(0, 40), reach, rng.uniform(38, 60)):
        bolt = Block(float(leg), -(view.belt_width_cm / 2 + rail_cm / 2), rail_height, 1.6, 1.6, 0.5)
        _paint_metal(rng, canvas, camera, bolt, steel * 0.7)


def _paint_metal(
    rng: np.random.Generator,
    canvas: Image,
    camera: Camera,
    block: Block,
    colour: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    for side, light in ((Side.FRONT, 0.6), (Side.TOP, 1.0)):
        plane = block.plane(side)
        if not plane.is_seen_from(camera.position):
            continue
        sheen = 1 + 0.05 * smooth_noise(rng, 12, 900, 40) + 0.02 * rng.standard_normal((12, 900))
        sheen *= np.array([1.18, 1.1, 1.04, 1, 1, 1, 1, 1, 0.98, 0.94, 0.86, 0.7])[:, None]
        paint_plane(canvas, camera, plane, clipped(sheen[..., None] * colour * light))


def light_field(rng: np.random.Generator, size_px: tuple[int, int], *, strength: float) -> Image:
    """Return the gain (H, W, 3) of uneven light, its colour and the lens's vignetting; 128 is neutral."""
    width, height = size_px
    columns, rows = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    slope_x, slope_y = rng.uniform(-0.10, 0.10, 2) * strength
    level = rng.uniform(1.0, 1.12) * (1 + slope_x * columns + slope_y * rows)
    level *= 1 - rng.uniform(0.04, 0.16) * strength * (columns**2 + rows**2) / 2
    lamp_x, lamp_y, reach = rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.9), rng.uniform(0.5, 1.0)
    level *= 1 + rng.uniform(0, 0.12) * strength * np.exp(-((columns - lamp_x) ** 2 + (rows - lamp_y) ** 2) / reach)
    warmth = rng.uniform(-0.045, 0.045) * strength
    tint = np.array([1 - warmth, 1.0, 1 + warmth])
    return clipped(level[..., None] * tint * NEUTRAL_GAIN)


def noise_tiles(rng: np.random.Generator, size_px: tuple[int, int], sigma: float) -> tuple[Image, Image]:
    """Return what noise adds and what it takes away, each larger than the picture so that it can be shifted."""
    shape = (size_px[1] + NOISE_MARGIN, size_px[0] + NOISE_MARGIN)
    luma = rng.standard_normal(shape, np.float32)[..., None] * sigma
    chroma = rng.standard_normal((*shape, 3), np.float32) * (0.35 * sigma)
    noise = np.round(luma + chroma)
    return np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)
