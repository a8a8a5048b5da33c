"""Schemas and values as the plugin protocol, version 6, carries them."""

from __future__ import annotations

import json
from typing import Any

import msgpack
from tf.gen import tfplugin_pb2 as pb

UNKNOWN = msgpack.ExtType(0, b"\x00")
"""A value that is known after apply."""

NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}


def is_unknown(value: Any) -> bool:
    """Whether the value is known only after apply, refined or not."""
    return isinstance(value, msgpack.ExtType)


def known(value: Any) -> Any:
    """The value with nothing in place of what is unknown."""
    if isinstance(value, dict):
        return {name: known(it) for name, it in value.items()}
    if isinstance(value, list):
        return [known(it) for it in value]
    return None if is_unknown(value) else value


def schema(block: dict[str, Any]) -> pb.Schema:
    """A schema of one type."""
    return pb.Schema(version=0, block=_block(block))


def _block(block: dict[str, Any]) -> pb.Schema.Block:
    made = pb.Schema.Block()
    for name, attribute in block["attributes"].items():
        made.attributes.append(
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(attribute["type"]).encode(),
                required=attribute["required"],
                optional=attribute["optional"],
                computed=attribute["computed"],
            )
        )
    for name, nested in block["block_types"].items():
        made.block_types.append(
            pb.Schema.NestedBlock(
                type_name=name,
                block=_block(nested["block"]),
                nesting=NESTING[nested["nesting_mode"]],
                min_items=nested["min_items"],
                max_items=nested["max_items"],
            )
        )
    return made


def packed(value: Any) -> pb.DynamicValue:
    """The value, for the wire."""
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def unpacked(value: pb.DynamicValue) -> Any:
    """The value, from the wire."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType, strict_map_key=False)
    return json.loads(value.json or b"null")


def complaint(summary: str, detail: str = "") -> pb.Diagnostic:
    """An error as Terraform shows it."""
    return pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=summary, detail=detail)
