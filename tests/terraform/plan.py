"""What is known before apply."""

from __future__ import annotations

import json
import re
from typing import Any

import wire

DOCUMENT = re.compile(r"(^|_)(policy|pattern|dashboard_body)$")
"""Names of attributes that hold JSON documents."""

OTHER_LANGUAGES = {("aws_cloudwatch_log_metric_filter", "pattern")}
"""Attributes of such a name that hold something else."""


def complaints(type_name: str, config: dict[str, Any]) -> list[str]:
    """Documents that are not JSON objects."""
    wrong = []
    for name, value in config.items():
        if isinstance(value, str) and DOCUMENT.search(name) and (type_name, name) not in OTHER_LANGUAGES:
            try:
                is_object = isinstance(json.loads(value), dict)
            except json.JSONDecodeError:
                is_object = False
            if not is_object:
                wrong.append(f"{type_name}: `{name}` is not a JSON object")
    return wrong


def planned(
    block: dict[str, Any], value: dict[str, Any], is_new: bool, region: str, default_tags: dict[str, str]
) -> dict[str, Any]:
    """The proposed value, with what AWS will compute marked so."""
    made = _marked(block, value) if is_new else dict(value)
    attributes = block["attributes"]
    if "region" in attributes and value.get("region") is None:
        made["region"] = region
    if "tags_all" in attributes and not wire.is_unknown(value.get("tags")):
        made["tags_all"] = {**default_tags, **(value.get("tags") or {})}
    return made


def _marked(block: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    made = dict(value)
    for name, attribute in block["attributes"].items():
        if attribute["computed"] and made.get(name) is None:
            made[name] = wire.UNKNOWN
    for name, nested in block["block_types"].items():
        inner = made.get(name)
        if isinstance(inner, list):
            made[name] = [_marked(nested["block"], it) for it in inner]
        elif isinstance(inner, dict) and nested["nesting_mode"] == "single":
            made[name] = _marked(nested["block"], inner)
    return made
