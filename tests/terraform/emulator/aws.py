"""Clients of the emulator, and small things that every creator needs."""

from __future__ import annotations

import os
import threading
from typing import Any

import boto3
from botocore.config import Config

Value = dict[str, Any]

ACCOUNT = "000000000000"


class Refused(Exception):
    """The emulator, or this program, cannot do what is asked."""


class Aws:
    """The emulator, as one region sees it."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint = endpoint
        self.region = region
        self._clients: dict[str, Any] = {}
        # Clients may be used by several threads, but made by one at a time.
        self._lock = threading.Lock()

    def __getattr__(self, service: str) -> Any:
        """A client: `aws.sqs`, `aws.lambda_`."""
        name = service.removesuffix("_")
        with self._lock:
            if name not in self._clients:
                self._clients[name] = boto3.session.Session().client(
                    name,
                    endpoint_url=self.endpoint,
                    region_name=self.region,
                    aws_access_key_id="test",
                    aws_secret_access_key="test",
                    config=Config(
                        retries={"max_attempts": 1},
                        connect_timeout=5,
                        read_timeout=30,
                        # Buckets as paths: names of hosts are not looked up.
                        s3={"addressing_style": "path"},
                    ),
                )
            return self._clients[name]


def one(value: Value, block: str) -> Value:
    """The block that stands at most once, or an empty one."""
    found = value.get(block) or []
    return found[0] if found else {}


def given(**arguments: Any) -> Value:
    """The arguments that say something: no null, no empty block."""
    return {name: it for name, it in arguments.items() if it is not None and it != {} and it != []}


def camel(value: Any) -> Any:
    """`max_age_seconds` as `MaxAgeSeconds`, all the way down, without nulls."""
    if isinstance(value, list):
        return [camel(it) for it in value]
    if not isinstance(value, dict):
        return value
    return {
        "".join(word.capitalize() for word in name.split("_")): camel(it)
        for name, it in value.items()
        if it is not None and it != []
    }


def file_of(path: str) -> bytes:
    """What is in the file, as Terraform names it: from the folder that the provider runs in."""
    if not os.path.exists(path):
        raise Refused(f"there is no file {path}")
    with open(path, "rb") as file:
        return file.read()
