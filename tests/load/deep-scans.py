#!/usr/bin/env python3
"""Hands in deep scans of the regression set's contracts and tells when they were done.

Usage: SCORPIUS_API_KEY=sk_live_... tests/load/deep-scans.py http://127.0.0.1:8480 [COUNT [BUDGET]]

COUNT is 100 and BUDGET `deep` without being said. A contract that was scanned before is answered from the cache, so each
run wants a folder of its own under `scorpius up --data`.
"""

import json
import os
import pathlib
import sys
import time
import urllib.request

CONTRACTS = pathlib.Path(__file__).parents[2] / "shared/scan/regression/contracts.jsonl"
# Seconds that all scans together may take.
PATIENCE = 600


def call(method, url, body=None):
    request = urllib.request.Request(url, method=method, data=body and json.dumps(body).encode())
    request.add_header("X-API-Key", os.environ["SCORPIUS_API_KEY"])
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def main(base, count=100, budget="deep"):
    codes = {json.loads(line)["runtime_bytecode"]: None for line in CONTRACTS.read_text().splitlines()}
    codes = list(codes)[: int(count)]
    begun = time.monotonic()
    waiting = [call("POST", f"{base}/v1/scans", {"bytecode": code, "budget": budget})["id"] for code in codes]
    handed_in = time.monotonic() - begun
    ends = {}
    while waiting and time.monotonic() - begun < PATIENCE:
        time.sleep(0.2)
        for scan in list(waiting):
            state = call("GET", f"{base}/v1/scans/{scan}")["status"]
            if state not in ("queued", "running"):
                ends[state] = ends.get(state, 0) + 1
                waiting.remove(scan)
            else:
                break
    took = time.monotonic() - begun
    print(f"{len(codes)} {budget} scans handed in within {handed_in:.1f} s, ended within {took:.1f} s: "
          f"{len(codes) / took:.1f} a second; {ends}, {len(waiting)} not ended")
    return 1 if waiting else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
