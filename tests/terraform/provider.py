"""A provider `hashicorp/aws` for tests: Terraform's plugin protocol, version 6, without AWS.

    python provider.py --schema FILE

It prints one line, the value for `TF_REATTACH_PROVIDERS`, and serves until its standard input is closed.
Without more, apply makes up what AWS would compute (`values`), and a plan does so with `--foresee`: then the rules
can be held against a plan, which takes a quarter of the time of an apply. With `SCORPIUS_AWS_ENDPOINT` set to the
address of an emulator, apply creates there what the emulator can (`emulator`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from tf.gen import grpc_controller_pb2 as controller_pb
from tf.gen import grpc_controller_pb2_grpc as controller
from tf.gen import grpc_stdio_pb2_grpc as stdio
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

import plan
import values
import wire
from emulator import Emulator

Context = grpc.ServicerContext


@dataclass
class Instance:
    """One configured provider: each alias has a connection of its own."""

    region: str = "us-east-1"
    default_tags: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    """How often a resource that is written alike was made."""


class Provider(rpc.ProviderServicer):
    """Answers Terraform."""

    def __init__(self, schema: dict[str, Any], emulator: Emulator | None, foresees: bool) -> None:
        self.schema = schema
        self.emulator = emulator
        self.foresees = foresees
        self.instances: dict[str, Instance] = {}
        self.lock = threading.Lock()

    def instance(self, context: Context) -> Instance:
        """Who asks."""
        with self.lock:
            return self.instances.setdefault(context.peer(), Instance())

    def GetMetadata(self, request: Any, context: Context) -> Any:
        """Terraform asks for the schema instead."""
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        return pb.GetMetadata.Response()

    def GetProviderSchema(self, request: Any, context: Context) -> Any:
        """The schema that was derived."""
        made = pb.GetProviderSchema.Response(provider=wire.schema(self.schema["provider"]))
        for name, block in self.schema["resource"].items():
            made.resource_schemas[name].CopyFrom(wire.schema(block))
        for name, block in self.schema["data"].items():
            made.data_source_schemas[name].CopyFrom(wire.schema(block))
        return made

    def ValidateProviderConfig(self, request: Any, context: Context) -> Any:
        """Terraform itself holds the settings to their schema."""
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Context) -> Any:
        """What the schema does not say: documents are JSON."""
        wrong = plan.complaints(request.type_name, wire.unpacked(request.config))
        return pb.ValidateResourceConfig.Response(diagnostics=[wire.complaint(it) for it in wrong])

    def ValidateDataResourceConfig(self, request: Any, context: Context) -> Any:
        """Terraform itself holds the question to its schema."""
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Context) -> Any:
        """Keeps region and default tags of this connection."""
        settings = wire.unpacked(request.config)
        instance = self.instance(context)
        if isinstance(settings.get("region"), str):
            instance.region = settings["region"]
        for block in settings.get("default_tags") or []:
            instance.default_tags |= block.get("tags") or {}
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request: Any, context: Context) -> Any:
        """There is one version of each schema."""
        return pb.UpgradeResourceState.Response(
            upgraded_state=wire.packed(json.loads(request.raw_state.json))
        )

    def ReadResource(self, request: Any, context: Context) -> Any:
        """The state is Terraform's: nothing changes behind its back."""
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request: Any, context: Context) -> Any:
        """What is computed is known after apply, except what follows from the settings."""
        proposed = wire.unpacked(request.proposed_new_state)
        if proposed is None:
            return pb.PlanResourceChange.Response(planned_state=request.proposed_new_state)
        instance = self.instance(context)
        block = self.schema["resource"][request.type_name]
        is_new = wire.unpacked(request.prior_state) is None
        planned = plan.planned(block, proposed, is_new, instance.region, instance.default_tags)
        if self.foresees and is_new:
            planned = self.computed(values.FORMULAS, "resource", request.type_name, planned, instance)
        return pb.PlanResourceChange.Response(planned_state=wire.packed(planned), legacy_type_system=True)

    def ApplyResourceChange(self, request: Any, context: Context) -> Any:
        """Creates, on the emulator or in imagination; to destroy is to forget."""
        planned = wire.unpacked(request.planned_state)
        if planned is None:
            return pb.ApplyResourceChange.Response(new_state=request.planned_state)
        name, instance = request.type_name, self.instance(context)
        is_new = wire.unpacked(request.prior_state) is None
        try:
            if self.emulator is not None and self.emulator.creates(name):
                real = self.emulator.create(name, wire.known(planned), is_new, instance.region)
                planned |= {it: value for it, value in real.items() if wire.is_unknown(planned.get(it))}
            made = self.computed(values.FORMULAS, "resource", name, planned, instance)
        except Exception as error:  # Whatever it is, Terraform shows it and stops.
            traceback.print_exc()
            wrong = wire.complaint(f"{name} was not created", f"{type(error).__name__}: {error}")
            return pb.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[wrong])
        return pb.ApplyResourceChange.Response(new_state=wire.packed(made), legacy_type_system=True)

    def ReadDataSource(self, request: Any, context: Context) -> Any:
        """What the account and the region are; there is nothing else to ask for."""
        name = request.type_name
        if name not in values.DATA:
            wrong = wire.complaint(f"data source {name} is not known to the tests' provider")
            return pb.ReadDataSource.Response(diagnostics=[wrong])
        asked = wire.unpacked(request.config)
        block = self.schema["data"][name]
        open_ones = plan.planned(block, asked, True, self.instance(context).region, {})
        made = self.computed(values.DATA, "data", name, open_ones, self.instance(context))
        return pb.ReadDataSource.Response(state=wire.packed(made))

    def computed(
        self, table: dict[str, Any], kind: str, name: str, value: dict[str, Any], instance: Instance
    ) -> dict[str, Any]:
        """The value with what no one has told filled in."""
        with self.lock:
            written = values.digest(name, value, 0)
            instance.seen[written] += 1
            seed = values.digest(name, value, instance.seen[written])
        block = self.schema[kind][name]
        return values.computed(table.get(name, {}), block, value, instance.region, seed)

    def GetFunctions(self, request: Any, context: Context) -> Any:
        """None."""
        return pb.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Context) -> Any:
        """Every call is short."""
        return pb.StopProvider.Response()


class Controller(controller.GRPCControllerServicer):
    """What the plugin library asks of any plugin."""

    def Shutdown(self, request: Any, context: Context) -> Any:
        """Ends with its standard input instead."""
        return controller_pb.Empty()


class Output(stdio.GRPCStdioServicer):
    """Standard output of a plugin, which says nothing."""

    def StreamStdio(self, request: Any, context: Context) -> Any:
        """Nothing."""
        return iter([])


def serve(provider: Provider, say: Callable[[str], None]) -> grpc.Server:
    """Listens on a free port of the loopback, and says how it is reached."""
    server = grpc.server(futures.ThreadPoolExecutor(16))
    rpc.add_ProviderServicer_to_server(provider, server)
    controller.add_GRPCControllerServicer_to_server(Controller(), server)
    stdio.add_GRPCStdioServicer_to_server(Output(), server)
    # A port and not a socket: only so the connections of two aliases are told apart.
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    reached = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }
    say(json.dumps({"hashicorp/aws": reached}))
    return server


def main() -> int:
    """Serves until standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--schema", type=Path, required=True)
    parser.add_argument("--foresee", action="store_true", help="a plan already has what apply would make up")
    given = parser.parse_args()
    schema = json.loads(given.schema.read_text(encoding="utf-8"))
    endpoint = os.environ.get("SCORPIUS_AWS_ENDPOINT")
    emulator = Emulator(endpoint) if endpoint else None
    if emulator is not None:
        for line in emulator.made_up(schema["resource"]):
            print(line, file=sys.stderr)
    server = serve(Provider(schema, emulator, given.foresee), lambda line: print(line, flush=True))
    sys.stdin.read()
    server.stop(grace=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
