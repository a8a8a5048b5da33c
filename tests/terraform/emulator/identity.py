"""Keys, roles, and groups of logs."""

from __future__ import annotations

from .aws import ACCOUNT, Aws, Value, given


def kms_key(aws: Aws, value: Value) -> Value:
    """A key of the asked kind."""
    made = aws.kms.create_key(
        **given(
            Description=value.get("description"),
            KeySpec=value.get("customer_master_key_spec"),
            KeyUsage=value.get("key_usage"),
            Policy=value.get("policy"),
        )
    )["KeyMetadata"]
    if value.get("enable_key_rotation"):
        aws.kms.enable_key_rotation(KeyId=made["KeyId"])
    return {"id": made["KeyId"], "key_id": made["KeyId"], "arn": made["Arn"]}


def kms_alias(aws: Aws, value: Value) -> Value:
    """A name for a key."""
    aws.kms.create_alias(AliasName=value["name"], TargetKeyId=value["target_key_id"])
    metadata = aws.kms.describe_key(KeyId=value["target_key_id"])["KeyMetadata"]
    return {
        "id": value["name"],
        "arn": f"arn:aws:kms:{aws.region}:{ACCOUNT}:{value['name']}",
        "target_key_arn": metadata["Arn"],
    }


def iam_role(aws: Aws, value: Value) -> Value:
    """A role, and who may take it on."""
    made = aws.iam.create_role(
        **given(
            RoleName=value["name"],
            Path=value.get("path"),
            AssumeRolePolicyDocument=value["assume_role_policy"],
            Description=value.get("description"),
            PermissionsBoundary=value.get("permissions_boundary") or None,
        )
    )["Role"]
    return {"id": value["name"], "arn": made["Arn"], "unique_id": made["RoleId"]}


def iam_role_policy(aws: Aws, value: Value) -> Value:
    """What a role may do."""
    aws.iam.put_role_policy(
        RoleName=value["role"], PolicyName=value["name"], PolicyDocument=value["policy"]
    )
    return {"id": f"{value['role']}:{value['name']}"}


def cloudwatch_log_group(aws: Aws, value: Value) -> Value:
    """Where logs are kept, and how long."""
    aws.logs.create_log_group(logGroupName=value["name"])
    days = value.get("retention_in_days")
    if days:
        aws.logs.put_retention_policy(logGroupName=value["name"], retentionInDays=days)
    arn = f"arn:aws:logs:{aws.region}:{ACCOUNT}:log-group:{value['name']}"
    return {"id": value["name"], "arn": arn}
