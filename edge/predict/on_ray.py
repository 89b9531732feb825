"""An archive of pictures through several processes of a cluster that Ray keeps alive on this machine (extra `[ray]`).

Ray starts a worker again that died and sends it its span once more. Workers only answer; the one process that asks
writes the parts, so a worker taken for dead that still lives can write nothing.
"""

import logging
import os
import secrets
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devices.errors import EdgekitError
from edge.predict.archive import SCRATCH, Archive, Span, Tally
from edge.predict.batch import predict_files
from edge.predict.pictures import PictureFile
from edge.predict.predictor import PredictorChoice, load_predictor

if TYPE_CHECKING:
    from types import ModuleType

_log = logging.getLogger(__name__)
_AHEAD = 2  # spans that a worker has at the same time, so that none waits while its last part is written
_TRIES_AGAIN = 5  # of a span whose worker died; a picture that ends each worker must not go on for ever
_STORE_BYTES = 128 << 20  # Ray's own memory for what is handed over: a few parts' lines
_LONGEST_SCRATCH = 26  # characters: Ray's sockets lie 78 further down, and Linux takes 107 for the whole path of one
# Read by Ray as it is imported: nothing is reported to its makers; a node that can be no cluster's listens on loopback.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}


class SpanWorker:
    """Loads the models in a process of its own and says what spans of pictures show.

    Args:
        choice: Of models; its requests are chosen here.
        cores: That it may use, so that workers do not take each other's.
    """

    def __init__(self, choice: PredictorChoice, cores: Sequence[int]) -> None:
        os.sched_setaffinity(0, cores)
        self._at_once = min(16, 2 * len(cores))
        self._predictor = load_predictor(replace(choice, requests=self._at_once))

    def look(self, paths: Sequence[str]) -> bytes:
        """Return one line of JSON a picture, in order."""
        files = [PictureFile(Path(path), Path()) for path in paths]
        return b"".join(
            one.said.to_json().encode() + b"\n" for one in predict_files(self._predictor, files, self._at_once)
        )


def predict_archive(
    archive: Archive, paths: Sequence[str], choice: PredictorChoice, *, workers: int, scratch: Path | None
) -> Iterator[Tally]:
    """Do the parts that an archive lacks; yield what is done so far, at the beginning and after each of them.

    Args:
        archive: Of these pictures.
        paths: Of all pictures, sorted.
        choice: Of models.
        workers: Processes, at most one a core.
        scratch: For Ray's sockets and logs; None: a folder in the archive's, removed at the end.

    Raises:
        EdgekitError: Ray does not start, a span ends each worker that looks at it, or a part cannot be written.
        ModuleNotFoundError: Ray is not installed.
    """
    left, done = archive.missing()
    yield done
    if not left:
        return
    cores = sorted(os.sched_getaffinity(0))
    workers = min(workers, len(cores), len(left))
    with _cluster(workers, scratch or archive.folder) as ray:
        kind = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_TRIES_AGAIN)(SpanWorker)
        # Workers have a working folder of their own.
        absolute = replace(
            choice,
            bundles=tuple(one.absolute() for one in choice.bundles),
            trusted_keys=tuple(one.absolute() for one in choice.trusted_keys),
        )
        pool: list[Any] = [kind.remote(absolute, cores[one::workers]) for one in range(workers)]
        waiting = iter(left)
        asked: dict[Any, tuple[Any, Span]] = {}  # an answer to come, from whom, of what

        def ask(worker: Any) -> None:
            span = next(waiting, None)
            if span is not None:
                asked[worker.look.remote(paths[span.first : span.last + 1])] = (worker, span)

        for worker in pool * _AHEAD:
            ask(worker)
        while asked:
            ready, _ = ray.wait(list(asked))
            worker, span = asked.pop(ready[0])
            done += archive.keep(span, _answer(ray, ready[0], span))
            ask(worker)
            yield done


def _answer(ray: "ModuleType", reference: Any, span: Span) -> bytes:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as exc:
        raise EdgekitError(
            f"no worker could finish {span.name}, of {_TRIES_AGAIN + 1} tries where workers died: "
            f"{str(exc).strip().splitlines()[-1].strip()}; what is done is kept, and the same command goes on"
        ) from exc


@contextmanager
def _cluster(workers: int, scratch: Path) -> "Generator[ModuleType, None, None]":
    """Keep Ray on this machine alone, until the end whatever comes."""
    os.environ.update(_QUIET)
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else Ray makes one and leaves it in the home folder
    import ray  # noqa: PLC0415  # pyright: ignore[reportMissingImports] - an extra, and it reads the environment

    scratch = scratch.resolve()
    if len(os.fsencode(scratch)) > _LONGEST_SCRATCH:
        raise EdgekitError(
            f"Ray's sockets do not fit below {scratch}: name a folder of at most {_LONGEST_SCRATCH} characters "
            "on a disk of this machine with --scratch"
        )
    if not scratch.is_dir():
        raise EdgekitError(f"there is no folder {scratch} for Ray's sockets")
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=scratch, ignore_cleanup_errors=True) as folder:
        try:
            _start(ray, workers, folder)
            _log.info("%d workers on this machine", workers)
            yield ray
        finally:
            ray.shutdown()


def _start(ray: Any, workers: int, folder: str) -> None:
    try:
        ray.init(
            address="local",
            num_cpus=workers,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            object_store_memory=_STORE_BYTES,
            _temp_dir=folder,
        )
    except Exception as exc:  # Ray raises none of its own where its processes do not come up in time
        raise EdgekitError(
            f"Ray does not start on this machine ({exc}): where it is overloaded, try again later, or without --engine "
            "ray; nothing was lost, the same command goes on"
        ) from exc
