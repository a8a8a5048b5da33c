"""Makes what `infra/deploy/local.env` names on the emulator that it names: tables, bucket, bus, keys, queues, a sender.

    python3 infra/deploy/emulator.py [FILE]

What is there already stays as it is. It signs nothing, so that it can harm nothing that checks signatures: an emulator
looks at no signature, and AWS refuses a request without one.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
# Hand-outs of a message before it is a dead letter.
RECEIVES_MAX = "5"
# What says that a thing is there already.
THERE = ("AlreadyExists", "ResourceInUse", "BucketAlreadyOwnedByYou", "QueueNameExists", "QueueAlreadyExists")


def settings(file: Path) -> dict[str, str]:
    """`NAME=value` of each line that is no comment."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Emulator:
    """AWS's protocols, as far as making these things needs them."""

    def __init__(self, given: dict[str, str]) -> None:
        self.url = given["AWS_ENDPOINT_URL"].rstrip("/")
        self.region = given["AWS_REGION"]

    def send(self, method: str, path: str, service: str, body: bytes, headers: dict[str, str]) -> bytes | None:
        """The answer; `None` where the thing is there already."""
        scope = f"emulator/20260101/{self.region}/{service}/aws4_request"
        known = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
        request = urllib.request.Request(self.url + path, body, known | headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            if any(word in said for word in THERE):
                return None
            sys.exit(f"{service} {path} was answered {error.code}: {said[:500]}")
        except urllib.error.URLError as error:
            sys.exit(f"{self.url} does not answer: {error.reason}")

    def call(self, service: str, target: str, body: dict) -> dict | None:
        """One operation of a service that speaks JSON by targets."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        answer = self.send("POST", "/", service, json.dumps(body).encode(), headers)
        return None if answer is None else json.loads(answer or b"{}")

    def table(self, name: str) -> None:
        """Keys and expiry as in `shared/aws/src/store/tables.rs`; nobody listens to the outbox's stream."""
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        made = self.call("dynamodb", "DynamoDB_20120810.CreateTable", {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
            "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        })
        if made is not None:
            self.call("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", {
                "TableName": name, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"},
            })

    def key(self, alias: str, signs: bool) -> None:
        """A key under an alias; made anew only where no key has the alias."""
        listed = self.call("kms", "TrentService.ListAliases", {}) or {}
        if any(one["AliasName"] == alias for one in listed.get("Aliases", [])):
            return
        spec, usage = ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY") if signs else ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
        made = self.call("kms", "TrentService.CreateKey", {"KeySpec": spec, "KeyUsage": usage})
        key = made["KeyMetadata"]["KeyId"]
        self.call("kms", "TrentService.CreateAlias", {"AliasName": alias, "TargetKeyId": key})

    def queue(self, name: str, attributes: dict[str, str]) -> None:
        """A queue of this name."""
        self.call("sqs", "AmazonSQS.CreateQueue", {"QueueName": name, "Attributes": attributes})


def main(file: Path) -> None:
    """Everything that the file names."""
    given = settings(file)
    emulator = Emulator(given)
    for name in ("TABLE_RECORDS", "TABLE_OUTBOX", "TABLE_COUNTERS"):
        emulator.table(given[name])
    place = f"<CreateBucketConfiguration><LocationConstraint>{given['AWS_REGION']}</LocationConstraint></CreateBucketConfiguration>"
    for name in ("BUCKET", "ANCHORS"):
        emulator.send("PUT", f"/{given[name]}", "s3", place.encode(), {"Content-Type": "application/xml"})
    emulator.call("events", "AWSEvents.CreateEventBus", {"Name": given["BUS"]})
    for name, signs in (("KEY_TOKEN", True), ("KEY_LEDGER", True), ("KEY_WRAP", False)):
        emulator.key(given[name], signs)
    queues = {name: url.rsplit("/", 1)[1] for name, url in given.items() if name.startswith("QUEUE_")}
    for dead in (queue for name, queue in queues.items() if name.endswith("_DEAD")):
        emulator.queue(dead, {})
    for name, queue in queues.items():
        if not name.endswith("_DEAD"):
            dead = f"arn:aws:sqs:{given['AWS_REGION']}:000000000000:{queues[name + '_DEAD']}"
            redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": RECEIVES_MAX}
            emulator.queue(queue, {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "30"})
    sender = json.dumps({"EmailIdentity": given["MAIL_FROM"]}).encode()
    emulator.send("POST", "/v2/email/identities", "ses", sender, {"Content-Type": "application/json"})
    print(f"made on {emulator.url}: what {file} names")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]) if len(sys.argv) == 2 else HERE / "local.env")
