"""Labels on cartons as a picture shows them: nothing that a detector learns, but what is written there is known."""

from collections.abc import Sequence

from train.synth.cartons import Carton, paper_quad
from train.synth.geometry import Camera
from train.synth.regions import Unlabelled
from train.synth.stage import look, who_is_seen

LABEL = "label"  # the kind of region that is a whole printed label
_LEAST_SEEN = 0.5  # of its outline within the picture and behind nothing


def printed_labels(camera: Camera, cartons: Sequence[Carton]) -> tuple[Unlabelled, ...]:
    """Return the labels of which at least half is seen, with their lines as they were printed, whatever tore since.

    Those that are too small for any writing are left out.

    Args:
        camera: The camera.
        cartons: All boxes of the scene, obstacles too.
    """
    ids, _ = who_is_seen(camera, cartons)
    found: list[Unlabelled] = []
    for index, carton in enumerate(cartons):
        for paper in carton.papers:
            if not paper.lines or not carton.block.plane(paper.side).is_seen_from(camera.position):
                continue
            sight = look(ids, index + 1, paper_quad(camera, carton.block, paper))
            if sight.share >= _LEAST_SEEN:
                found.append(Unlabelled(LABEL, carton.number, sight.outline, "\n".join(paper.lines)))
    return tuple(found)
