"""Tables and buckets."""

from __future__ import annotations

from .aws import Aws, Value, camel, given, one


def dynamodb_table(aws: Aws, value: Value) -> Value:
    """A table with its keys, stream and expiry."""
    keys = [given(AttributeName=value["hash_key"], KeyType="HASH")]
    if value.get("range_key"):
        keys.append(given(AttributeName=value["range_key"], KeyType="RANGE"))
    stream = given(StreamEnabled=value.get("stream_enabled"), StreamViewType=value.get("stream_view_type"))
    made = aws.dynamodb.create_table(
        **given(
            TableName=value["name"],
            BillingMode=value.get("billing_mode") or "PROVISIONED",
            KeySchema=keys,
            AttributeDefinitions=[
                {"AttributeName": it["name"], "AttributeType": it["type"]} for it in value["attribute"]
            ],
            StreamSpecification=stream if value.get("stream_enabled") else None,
            DeletionProtectionEnabled=value.get("deletion_protection_enabled"),
        )
    )["TableDescription"]
    ttl = one(value, "ttl")
    if ttl.get("enabled"):
        aws.dynamodb.update_time_to_live(
            TableName=value["name"],
            TimeToLiveSpecification={"Enabled": True, "AttributeName": ttl["attribute_name"]},
        )
    if one(value, "point_in_time_recovery").get("enabled"):
        aws.dynamodb.update_continuous_backups(
            TableName=value["name"],
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
    return {
        "id": value["name"],
        "arn": made["TableArn"],
        "stream_arn": made.get("LatestStreamArn", ""),
        "stream_label": made.get("LatestStreamLabel", ""),
    }


def s3_bucket(aws: Aws, value: Value) -> Value:
    """A bucket, with Object Lock where it is asked for."""
    place = {} if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
    lock = value.get("object_lock_enabled") or None
    arguments = given(
        Bucket=value["bucket"], CreateBucketConfiguration=place, ObjectLockEnabledForBucket=lock
    )
    aws.s3.create_bucket(**arguments)
    return {"id": value["bucket"], "arn": f"arn:aws:s3:::{value['bucket']}"}


def s3_bucket_versioning(aws: Aws, value: Value) -> Value:
    """Versions, kept or not."""
    status = one(value, "versioning_configuration")["status"]
    aws.s3.put_bucket_versioning(Bucket=value["bucket"], VersioningConfiguration={"Status": status})
    return {"id": value["bucket"]}


def s3_bucket_policy(aws: Aws, value: Value) -> Value:
    """Who may use the bucket."""
    aws.s3.put_bucket_policy(Bucket=value["bucket"], Policy=value["policy"])
    return {"id": value["bucket"]}


def s3_bucket_public_access_block(aws: Aws, value: Value) -> Value:
    """That nothing in it is public."""
    names = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    blocked = camel({name: value.get(name) for name in names})
    aws.s3.put_public_access_block(Bucket=value["bucket"], PublicAccessBlockConfiguration=blocked)
    return {"id": value["bucket"]}


def s3_bucket_ownership_controls(aws: Aws, value: Value) -> Value:
    """Whose the objects are."""
    rule = {"ObjectOwnership": one(value, "rule")["object_ownership"]}
    aws.s3.put_bucket_ownership_controls(Bucket=value["bucket"], OwnershipControls={"Rules": [rule]})
    return {"id": value["bucket"]}


def s3_bucket_server_side_encryption_configuration(aws: Aws, value: Value) -> Value:
    """With which key objects are encrypted."""
    rules = []
    for rule in value["rule"]:
        default = one(rule, "apply_server_side_encryption_by_default")
        by_default = given(
            SSEAlgorithm=default.get("sse_algorithm"), KMSMasterKeyID=default.get("kms_master_key_id")
        )
        rules.append(
            given(
                ApplyServerSideEncryptionByDefault=by_default,
                BucketKeyEnabled=rule.get("bucket_key_enabled"),
            )
        )
    aws.s3.put_bucket_encryption(
        Bucket=value["bucket"], ServerSideEncryptionConfiguration={"Rules": rules}
    )
    return {"id": value["bucket"]}


def s3_bucket_object_lock_configuration(aws: Aws, value: Value) -> Value:
    """How long objects cannot be deleted."""
    kept = one(one(value, "rule"), "default_retention")
    retention = given(Mode=kept.get("mode"), Days=kept.get("days"), Years=kept.get("years"))
    aws.s3.put_object_lock_configuration(
        Bucket=value["bucket"],
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": retention},
        },
    )
    return {"id": value["bucket"]}
