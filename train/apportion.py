"""Groups dealt out to parts so that each part comes near its share, of the pictures and of each class."""

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError

_STARTS = 30  # from the largest group to the smallest, and then in any order: a greedy start may be a dead end
_MOST_ROUNDS = 50


def apportion(amounts: NDArray[np.float64], shares: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Return the part (G,) of each group.

    The groups are dealt out one after the other, each to where it brings all amounts nearest to their shares, and then
    moved as long as that brings them nearer; the best of several orders counts.

    Args:
        amounts: (G, F) what each group holds; the first column counts its pictures, the others its labels by class.
        shares: (P,) of the parts, each above 0, together 1.
        seed: Of the orders.

    Raises:
        EdgekitError: There are fewer groups than parts.
    """
    groups, parts = len(amounts), len(shares)
    if groups < parts:
        raise EdgekitError(
            f"the pictures fall into {groups} groups that cannot be parted, {parts} parts are asked for: give more "
            "pictures, other groups (--by), or a share of 0 to a part that you can do without"
        )
    scaled = amounts / np.maximum(amounts.sum(axis=0), 1e-9)
    # Pictures count as much as all classes together: else a set of many classes has parts of any size.
    scaled[:, 1:] /= np.sqrt(max(1, amounts.shape[1] - 1))
    wanted = shares[:, None] * scaled.sum(axis=0)
    random = np.random.default_rng(seed)
    orders = [np.argsort(-(scaled**2).sum(axis=1), kind="stable")]
    orders += [random.permutation(groups) for _ in range(_STARTS - 1)]
    tried = [_deal(scaled, wanted, order) for order in orders]
    _, part = min(tried, key=lambda entry: entry[0])  # the first of equals
    return _none_empty(part, amounts[:, 0], parts)


def _deal(
    scaled: NDArray[np.float64], wanted: NDArray[np.float64], order: NDArray[np.int64]
) -> tuple[float, NDArray[np.int64]]:
    """Deal out groups in an order; return how far from what is wanted that is, and the part of each."""
    held = np.zeros_like(wanted)
    part = np.full(len(scaled), -1, np.int64)
    for _ in range(_MOST_ROUNDS):
        before = part.copy()
        for group in order.tolist():
            now = int(part[group])
            if now >= 0:
                held[now] -= scaled[group]
            # By what each part's squared distance would change, less what is the same for all.
            change = ((held - wanted) * scaled[group]).sum(axis=1)
            if now >= 0:
                change[now] -= 1e-12  # among equals it stays
            part[group] = change.argmin()
            held[part[group]] += scaled[group]
        if (part == before).all():
            break
    return float(((held - wanted) ** 2).sum()), part


def _none_empty(part: NDArray[np.int64], sizes: NDArray[np.float64], parts: int) -> NDArray[np.int64]:
    """Give each empty part the smallest group of the part that has most groups."""
    for empty in range(parts):
        if not (part == empty).any():
            richest = np.bincount(part, minlength=parts).argmax()
            members = np.flatnonzero(part == richest)
            part[members[sizes[members].argmin()]] = empty
    return part
