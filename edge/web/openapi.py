"""The box's interface for programs as an OpenAPI document; the page's own routes are the page's affair."""

from typing import Any

from pydantic import BaseModel

from edge import __version__
from edge.mqtt.wire import WireModel
from edge.predict.prediction import Prediction
from edge.web.exchange import Fault
from edge.web.health import BoxHealth
from edge.web.predicting import CONTENT_TYPES, PATH

_REFUSALS = {
    "400": "the picture is broken",
    "401": "no token, or another one",
    "403": "the request came from another site's page",
    "411": "the length of the body is not told",
    "413": "more bytes or pixels than [web.predict] of the box allows",
    "415": "no JPEG, PNG or WebP",
    "503": "the cameras or other pictures come first: try again after Retry-After seconds",
}


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    schemas: dict[str, Any] = {}
    prediction, fault, health = (_named(model, schemas) for model in (Prediction, Fault, BoxHealth))
    refusals = {status: _answer(why, fault) for status, why in _REFUSALS.items()}
    refusals["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    predict = {
        "operationId": "predict",
        "summary": "Say what a picture shows, by the models of the box.",
        "requestBody": {
            "required": True,
            "description": "The picture itself, as it lies in its file.",
            "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in CONTENT_TYPES},
        },
        "responses": {"200": _answer("all that is sure of the picture", prediction), **refusals},
        "security": [{"token": []}],
    }
    how = {
        "operationId": "health",
        "summary": "Say whether the box does its work; for everybody.",
        "responses": {"200": _answer("it does", health), "503": _answer("it does not, and why", health)},
        "security": [],
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgekit", "version": __version__, "description": "A box's interface for programs."},
        "paths": {PATH: {"post": predict}, "/healthz": {"get": how}},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "what `edgekit config token` wrote"}
            },
        },
    }


def _named(model: type[WireModel] | type[BaseModel], schemas: dict[str, Any]) -> dict[str, str]:
    """Put a model's schema, and those that it is made of, among the others; return a reference to it."""
    schema = model.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _answer(told: str, schema: dict[str, str]) -> dict[str, Any]:
    return {"description": told, "content": {"application/json": {"schema": schema}}}
