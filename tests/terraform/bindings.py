"""Reads the compiled JavaScript of one type of `cdktn-provider-aws` into a block of a provider schema.

The bindings are generated from the provider's own schema, and keep all of it in three places:

* each class lists its members with a comment, `// name - computed: false, optional: true, required: false`,
  and an accessor that tells a simple type (`getStringAttribute`) or the class of a nested object;
* `synthesizeHclAttributes` and the functions `…ToHclTerraform` tell, for what can be written, whether it is
  a block, and whether it is a list, a set, a map or a single object;
* a nested class named `…List` repeats, `…OutputReference` in its place is a block that may stand once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SIMPLE: dict[str, Any] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "any": "dynamic",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "booleanList": ["list", "bool"],
    "stringMap": ["map", "string"],
    "numberMap": ["map", "number"],
    "booleanMap": ["map", "bool"],
    "anyMap": ["map", "dynamic"],
    "stringListMap": ["map", ["list", "string"]],
    "stringListList": ["list", ["list", "string"]],
    "stringMapList": ["list", ["map", "string"]],
}

ACCESSORS: dict[str, Any] = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
    "getStringMapAttribute": ["map", "string"],
    "getNumberMapAttribute": ["map", "number"],
    "getBooleanMapAttribute": ["map", "bool"],
    "getAnyMapAttribute": ["map", "dynamic"],
    "interpolationForAttribute": "dynamic",
}

HOLDERS: dict[str, Any] = {
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
    "AnyMap": ["map", "dynamic"],
    "StringMapList": ["list", ["map", "string"]],
    "StringListMap": ["map", ["list", "string"]],
    "StringListList": ["list", ["list", "string"]],
}


class BadBindings(Exception):
    """The bindings are not written as this reader knows them."""


@dataclass
class Member:
    """One attribute or block of a class, as its comment and accessor tell."""

    name: str
    computed: bool
    optional: bool
    required: bool
    accessor: str | None = None
    """Name of the accessor of a simple value."""
    as_set: bool = False
    """Whether the value is turned from a set into a list before it is shown."""
    holder: str | None = None
    """Name of the class that holds a nested value."""


@dataclass
class Written:
    """How a member is written in HCL."""

    is_block: bool
    shape: str
    """`simple`, `list`, `set`, `map` or `struct`."""
    storage: str


@dataclass
class Source:
    """What one file of the bindings says, before it is put together."""

    terraform_type: str
    top: str
    members: dict[str, list[Member]] = field(default_factory=dict)
    written: dict[str, dict[str, Written]] = field(default_factory=dict)
    """By the name of the object in lower case; the top's is empty."""


CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{\n(.*?)^\}\n", re.S | re.M)
MEMBER = re.compile(
    r"^    // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n"
    r"(.*?)(?=^    // \w+ - computed: |^    // =====|\Z)",
    re.S | re.M,
)
HCL = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}\n", re.S | re.M)
HCL_MEMBER = re.compile(
    r"^            (\w+): \{\n"
    r"                value: [^\n]*\n"
    r"                isBlock: (true|false),\n"
    r"                type: \"(\w+)\",\n"
    r"                storageClassType: \"(\w+)\",\n",
    re.M,
)
ACCESSOR = re.compile(r"return (?:cdktn\.Token\.as\w+\()?(cdktn\.Fn\.tolist\()?this\.(\w+)\('[\w.]+'\)")
SETTING = re.compile(r"return this\._\w+;")
HOLDER = re.compile(r"= new (?:cdktn\.)?(\w+)\(this, \"\w+\"(?:, (true|false))?\)")


def block(javascript: str) -> tuple[str, Json]:
    """The Terraform type of the file, and its schema's block."""
    source = read(javascript)
    return source.terraform_type, _block(source, source.top, "")


def read(javascript: str) -> Source:
    """Takes the file apart."""
    code = javascript.split("\n//# sourceMappingURL=")[0] + "\n"
    named = re.search(r'static tfResourceType = "(\w+)"', code)
    classes = {name: (parent, body) for name, parent, body in CLASS.findall(code)}
    tops = [name for name, (parent, _) in classes.items() if parent.startswith("Terraform")]
    if named is None or len(tops) != 1:
        raise BadBindings(f"{len(tops)} types in one file")
    source = Source(terraform_type=named.group(1), top=tops[0])
    for name, (_, body) in classes.items():
        source.members[name] = [_member(found) for found in MEMBER.finditer(body)]
    for name, body in HCL.findall(code):
        source.written[name.lower()] = _written(body)
    _, synthesis = classes[source.top][1].split("    synthesizeHclAttributes() {", 1)
    # Members of the top stand as deep as members of nested objects, one step of four spaces more.
    source.written[""] = _written(synthesis)
    return source


def _member(found: re.Match[str]) -> Member:
    name, computed, optional, required, code = found.groups()
    member = Member(name, computed == "true", optional == "true", required == "true")
    if holder := HOLDER.search(code):
        member.holder = holder.group(1)
        member.as_set = holder.group(2) == "true"
    elif accessor := ACCESSOR.search(code):
        member.accessor = accessor.group(2)
        member.as_set = accessor.group(1) is not None
    elif SETTING.search(code) is None:
        # A provider's settings have none: they are only written.
        raise BadBindings(f"`{name}` has no accessor that is known")
    return member


def _written(code: str) -> dict[str, Written]:
    indent = re.search(r"^( +)const attrs = \{$", code, re.M)
    if indent is None:
        return {}
    # To the depth of a top's members.
    lines = code.replace("\n" + indent.group(1), "\n        ")
    return {
        name: Written(is_block == "true", shape, storage)
        for name, is_block, shape, storage in HCL_MEMBER.findall(lines)
    }


def _block(source: Source, class_name: str, object_name: str) -> Json:
    """The block of one class: attributes, and blocks within."""
    made: Json = {"attributes": {}, "block_types": {}}
    written = source.written.get(object_name.lower(), {})
    # Objects within a provider's settings have no class, and only optional members.
    settings = [Member(name, computed=False, optional=True, required=False) for name in written]
    for member in source.members.get(class_name, settings):
        how = written.get(member.name)
        nested = _nested(source, member, how)
        if nested is None:
            made["attributes"][member.name] = _attribute(member, _simple_type(member, how))
            continue
        inner_class, inner_object, mode, once = nested
        inner = _block(source, inner_class, inner_object)
        if member.computed:
            # A block cannot be computed: this is an attribute that holds objects.
            made["attributes"][member.name] = _attribute(member, _object_type(mode, inner))
        else:
            made["block_types"][member.name] = {
                "nesting_mode": mode,
                "min_items": 1 if member.required else 0,
                "max_items": 1 if once and mode in ("list", "set") else 0,
                "block": inner,
            }
    unread = set(written) - set(made["attributes"]) - set(made["block_types"])
    if unread:
        raise BadBindings(f"{source.terraform_type}: {class_name} writes {sorted(unread)} and never shows it")
    return made


def _attribute(member: Member, type_of: Any) -> Json:
    return {
        "type": type_of,
        "required": member.required,
        "optional": member.optional,
        "computed": member.computed,
    }


def _nested(source: Source, member: Member, how: Written | None) -> tuple[str, str, str, bool] | None:
    """Class, object name, nesting mode, and whether it stands once; `None` for a simple value."""
    if member.holder is None and how is not None and how.is_block:
        object_name = re.sub(r"(List|Map)$", "", how.storage)
        return object_name, object_name, {"struct": "single"}.get(how.shape, how.shape), False
    if member.holder is None or member.holder in HOLDERS:
        return None
    once = member.holder.endswith("OutputReference")
    object_name = re.sub(r"(OutputReference|List|Map)$", "", member.holder)
    inner_class = f"{object_name}OutputReference"
    if inner_class not in source.members:
        raise BadBindings(f"{source.terraform_type}: `{member.name}` is held by {member.holder}")
    if how is not None:
        mode = {"struct": "single"}.get(how.shape, how.shape)
    elif once:
        mode = "single"
    elif member.holder.endswith("Map"):
        mode = "map"
    else:
        mode = "set" if member.as_set else "list"
    return inner_class, object_name, mode, once


def _simple_type(member: Member, how: Written | None) -> Any:
    if how is not None:
        type_of = SIMPLE.get(how.storage)
        as_set = how.shape == "set"
    else:
        known = ACCESSORS if member.holder is None else HOLDERS
        type_of = known.get(member.holder or member.accessor or "")
        as_set = member.as_set
    if type_of is None:
        raise BadBindings(f"`{member.name}` is of no type that is known: {member}, {how}")
    return ["set", type_of[1]] if as_set and isinstance(type_of, list) else type_of


def _object_type(mode: str, inner: Json) -> Any:
    """The type of an attribute that holds objects of the shape `inner`."""
    members = {name: attribute["type"] for name, attribute in inner["attributes"].items()}
    for name, nested in inner["block_types"].items():
        members[name] = _object_type(nested["nesting_mode"], nested["block"])
    return ["object", members] if mode == "single" else [mode, ["object", members]]
