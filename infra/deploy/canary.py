"""Lets every function that has a newer version than its alias take calls over: a part of them first, then all,
and back when an alarm sounds. CodeDeploy does it; this asks for it, and waits for the end.

    terraform output -json deployments | python3 canary.py

It needs the AWS command line. Exit code 1: at least one function went back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

AWS = os.environ.get("SCORPIUS_AWS_CLI", "aws")
"""The AWS command line, where it is not the first on the PATH."""

LOOK_S = 15
"""Between two looks at what is under way."""


def aws(*arguments: str) -> Any:
    """What the AWS command line answers."""
    said = subprocess.run([AWS, *arguments, "--output", "json"], check=True, stdout=subprocess.PIPE)
    return json.loads(said.stdout)


def started(name: str, it: dict[str, str]) -> str | None:
    """The deployment that was asked for; none where the alias has the newest version."""
    asked = ("--function-name", it["function"], "--name", it["alias"])
    current = aws("lambda", "get-alias", *asked)["FunctionVersion"]
    if current == it["version"]:
        return None
    properties = {
        "Name": it["function"],
        "Alias": it["alias"],
        "CurrentVersion": current,
        "TargetVersion": it["version"],
    }
    wanted = {
        "version": 0.0,
        "Resources": [{name: {"Type": "AWS::Lambda::Function", "Properties": properties}}],
    }
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(wanted)}}
    where = ("--application-name", it["application"], "--deployment-group-name", it["group"])
    made = aws("deploy", "create-deployment", *where, "--revision", json.dumps(revision))["deploymentId"]
    print(f"{name}: version {current} to {it['version']}, deployment {made}", flush=True)
    return made


def ended(name: str, deployment: str) -> bool:
    """Waits; whether the new version has taken over."""
    while True:
        info = aws("deploy", "get-deployment", "--deployment-id", deployment)["deploymentInfo"]
        if info["status"] == "Succeeded":
            print(f"{name}: taken over", flush=True)
            return True
        if info["status"] in ("Failed", "Stopped"):
            why = info.get("errorInformation", {}).get("message", "no reason is given")
            print(f"{name}: gone back: {why}", file=sys.stderr, flush=True)
            return False
        time.sleep(LOOK_S)


def main() -> int:
    """All functions at once: each has its own alias and its own alarms."""
    deployments = json.load(sys.stdin)
    if deployments is None:
        print("no canary in this environment: apply has moved every alias")
        return 0
    under_way = [(name, started(name, it)) for name, it in sorted(deployments.items())]
    fine = [ended(name, deployment) for name, deployment in under_way if deployment]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
