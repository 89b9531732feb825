"""How the belt moves: it starts and brakes like a motor, stops now and then, and once or twice rolls back some way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.synth.arrays import Floats

ACCELERATION_CM_S2 = 90.0


@dataclass(frozen=True, slots=True)
class Move:
    """A stretch of the belt's way: where it ends (cm from the start), its top speed (cm/s), the rest after it (s)."""

    to_cm: float
    speed_cm_s: float
    rest_s: float = 0.0


def positions(moves: Sequence[Move], moments_s: Floats) -> Floats:
    """Return where the belt is, cm, at each moment (N,) in seconds from the start.

    Each move accelerates, cruises and brakes at 90 cm/s2; one too short to reach its top speed turns from the one into
    the other half way. After the last move the belt stands.
    """
    result = np.zeros_like(moments_s)
    start_s, start_cm = 0.0, 0.0
    for move in moves:
        way = move.to_cm - start_cm
        progress = _covered(abs(way), move.speed_cm_s, np.clip(moments_s - start_s, 0, None))
        result = np.where(moments_s >= start_s, start_cm + math.copysign(1, way) * progress, result)
        start_s += duration_s(abs(way), move.speed_cm_s) + move.rest_s
        start_cm = move.to_cm
    return result


def total_s(moves: Sequence[Move]) -> float:
    """Return how long all moves and rests take, seconds."""
    starts = [0.0, *(move.to_cm for move in moves)]
    ways = [abs(move.to_cm - start) for start, move in zip(starts, moves, strict=False)]
    return sum(duration_s(way, move.speed_cm_s) + move.rest_s for way, move in zip(ways, moves, strict=True))


def duration_s(way_cm: float, speed_cm_s: float) -> float:
    """Return how long it takes to come from rest to rest over a way."""
    if way_cm <= speed_cm_s**2 / ACCELERATION_CM_S2:
        return 2 * math.sqrt(way_cm / ACCELERATION_CM_S2)
    return way_cm / speed_cm_s + speed_cm_s / ACCELERATION_CM_S2


def _covered(way_cm: float, speed_cm_s: float, elapsed_s: Floats) -> Floats:
    """Return the way covered, cm, after times (N,) since a move began."""
    top = min(speed_cm_s, math.sqrt(way_cm * ACCELERATION_CM_S2))
    ramp = top / ACCELERATION_CM_S2
    whole = duration_s(way_cm, speed_cm_s)
    left = np.clip(whole - elapsed_s, 0, None)
    speeding = ACCELERATION_CM_S2 * np.minimum(elapsed_s, ramp) ** 2 / 2 + np.clip(elapsed_s - ramp, 0, None) * top
    braking = way_cm - ACCELERATION_CM_S2 * np.minimum(left, ramp) ** 2 / 2
    return np.where(left < ramp, braking, speeding)
