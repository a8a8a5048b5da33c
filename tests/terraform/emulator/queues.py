"""Queues."""

from __future__ import annotations

from .aws import Aws, Value

# Terraform's name, and the emulator's.
ATTRIBUTES = {
    "visibility_timeout_seconds": "VisibilityTimeout",
    "message_retention_seconds": "MessageRetentionPeriod",
    "max_message_size": "MaximumMessageSize",
    "delay_seconds": "DelaySeconds",
    "receive_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
    "policy": "Policy",
    "redrive_policy": "RedrivePolicy",
    "redrive_allow_policy": "RedriveAllowPolicy",
    "fifo_queue": "FifoQueue",
    "content_based_deduplication": "ContentBasedDeduplication",
    "kms_master_key_id": "KmsMasterKeyId",
    "kms_data_key_reuse_period_seconds": "KmsDataKeyReusePeriodSeconds",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
}


def sqs_queue(aws: Aws, value: Value) -> Value:
    """A queue, with what it is set to."""
    attributes = {
        theirs: _text(value[ours])
        for ours, theirs in ATTRIBUTES.items()
        if isinstance(value.get(ours), (str, int, bool)) and value[ours] not in ("", False)
    }
    url = aws.sqs.create_queue(QueueName=value["name"], Attributes=attributes)["QueueUrl"]
    asked = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return {"id": url, "url": url, "arn": asked["Attributes"]["QueueArn"]}


def sqs_queue_policy(aws: Aws, value: Value) -> Value:
    """Who may send to a queue."""
    return _set(aws, value, "policy")


def sqs_queue_redrive_policy(aws: Aws, value: Value) -> Value:
    """Where messages go that no one could take."""
    return _set(aws, value, "redrive_policy")


def sqs_queue_redrive_allow_policy(aws: Aws, value: Value) -> Value:
    """Whose dead letters a queue takes."""
    return _set(aws, value, "redrive_allow_policy")


def _set(aws: Aws, value: Value, name: str) -> Value:
    url = value["queue_url"]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={ATTRIBUTES[name]: value[name]})
    return {"id": url}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
