"""Values that AWS would compute, made up by AWS's own formulas: the same for the same resource each time.

Each type lists its attributes in an order in which each follows from what stands before: a text with names of
attributes in braces, or a function of the value. Besides the attributes there are `{account}`, `{region}`,
`{partition}`, `{hash}` (32 hexadecimal digits of the resource as written), `{short}` (10 of them) and `{uuid}`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import wire

Value = dict[str, Any]
Formula = str | Callable[[Value], Any]

ACCOUNT = "000000000000"
PARTITION = "aws"
CREATED = "2026-01-01T00:00:00Z"


def _when(condition: Callable[[Value], Any], formula: str) -> Formula:
    """The formula where the condition holds, else nothing."""
    return lambda value: formula.format_map(value) if condition(value) else ""


def _rule_arn(value: Value) -> str:
    bus = value["event_bus_name"].rsplit("/", 1)[-1]
    path = value["name"] if bus == "default" else f"{bus}/{value['name']}"
    return "arn:{partition}:events:{region}:{account}:rule/".format_map(value) + path


def _function_arn(value: Value) -> str:
    """The function's ARN, whether it is named by name or by ARN."""
    named = value["function_name"]
    if named.startswith("arn:"):
        return ":".join(named.split(":")[:7])
    return "arn:{partition}:lambda:{region}:{account}:function:".format_map(value) + named


def _published(value: Value) -> str:
    return "1" if value.get("publish") else "$LATEST"


INVOKE = "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/"
OF_BUCKET: dict[str, Formula] = {"id": "{bucket}"}
OF_QUEUE: dict[str, Formula] = {"id": "{queue_url}"}

FORMULAS: dict[str, dict[str, Formula]] = {
    "aws_acm_certificate": {
        "arn": "arn:{partition}:acm:{region}:{account}:certificate/{uuid}",
        "id": "{arn}",
        "status": lambda _: "PENDING_VALIDATION",
        "domain_validation_options": lambda value: [
            {
                "domain_name": name,
                "resource_record_name": f"_{value['hash']}.{name}.",
                "resource_record_type": "CNAME",
                "resource_record_value": f"_{value['hash']}.acm-validations.aws.",
            }
            for name in dict.fromkeys([value["domain_name"], *(value.get("subject_alternative_names") or [])])
        ],
    },
    "aws_apigatewayv2_api": {
        "id": "{short}",
        "arn": "arn:{partition}:apigateway:{region}::/apis/{id}",
        "execution_arn": "arn:{partition}:execute-api:{region}:{account}:{id}",
        "api_endpoint": "https://{id}.execute-api.{region}.amazonaws.com",
    },
    "aws_apigatewayv2_authorizer": {"id": "{short}"},
    "aws_apigatewayv2_integration": {"id": "{short}"},
    "aws_apigatewayv2_route": {"id": "{short}"},
    "aws_apigatewayv2_stage": {
        "id": "{name}",
        "arn": "arn:{partition}:apigateway:{region}::/apis/{api_id}/stages/{name}",
        "execution_arn": "arn:{partition}:execute-api:{region}:{account}:{api_id}/{name}",
        "invoke_url": lambda value: "https://{api_id}.execute-api.{region}.amazonaws.com/".format_map(value)
        + ("" if value["name"] == "$default" else value["name"]),
    },
    "aws_apigatewayv2_domain_name": {
        "id": "{domain_name}",
        "arn": "arn:{partition}:apigateway:{region}::/domainnames/{domain_name}",
    },
    "aws_backup_plan": {"id": "{uuid}", "arn": "arn:{partition}:backup:{region}:{account}:backup-plan:{id}"},
    "aws_backup_vault": {
        "id": "{name}",
        "arn": "arn:{partition}:backup:{region}:{account}:backup-vault:{name}",
    },
    "aws_budgets_budget": {
        "arn": "arn:{partition}:budgets::{account}:budget/{name}",
        "account_id": "{account}",
        "id": "{account}:{name}",
    },
    "aws_cloudwatch_dashboard": {
        "dashboard_arn": "arn:{partition}:cloudwatch::{account}:dashboard/{dashboard_name}",
        "id": "{dashboard_name}",
    },
    "aws_cloudwatch_event_bus": {
        "arn": "arn:{partition}:events:{region}:{account}:event-bus/{name}",
        "id": "{name}",
    },
    "aws_cloudwatch_event_rule": {
        "event_bus_name": lambda _: "default",
        "arn": _rule_arn,
        "id": "{event_bus_name}/{name}",
    },
    "aws_cloudwatch_event_target": {
        "event_bus_name": lambda _: "default",
        "target_id": "terraform-{short}",
        "id": "{event_bus_name}-{rule}-{target_id}",
    },
    "aws_cloudwatch_log_group": {
        "arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}",
        "id": "{name}",
    },
    "aws_cloudwatch_metric_alarm": {
        "arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{alarm_name}",
        "id": "{alarm_name}",
    },
    "aws_codedeploy_app": {
        "application_id": "{uuid}",
        "arn": "arn:{partition}:codedeploy:{region}:{account}:application:{name}",
        "id": "{application_id}:{name}",
    },
    "aws_codedeploy_deployment_group": {
        "deployment_group_id": "{uuid}",
        "arn": "arn:{partition}:codedeploy:{region}:{account}:deploymentgroup:"
        "{app_name}/{deployment_group_name}",
        "id": "{deployment_group_id}",
    },
    "aws_dynamodb_table": {
        "arn": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
        "id": "{name}",
        "stream_label": _when(lambda value: value.get("stream_enabled"), "2026-01-01T00:00:00.000"),
        "stream_arn": _when(lambda value: value.get("stream_enabled"), "{arn}/stream/{stream_label}"),
    },
    "aws_cloudtrail": {
        "arn": "arn:{partition}:cloudtrail:{region}:{account}:trail/{name}",
        "id": "{arn}",
        "home_region": "{region}",
    },
    "aws_guardduty_detector": {
        "id": "{hash}",
        "arn": "arn:{partition}:guardduty:{region}:{account}:detector/{id}",
        "account_id": "{account}",
    },
    "aws_iam_openid_connect_provider": {
        "arn": lambda value: "arn:{partition}:iam::{account}:oidc-provider/".format_map(value)
        + value["url"].removeprefix("https://"),
        "id": "{arn}",
    },
    "aws_iam_policy": {
        "arn": lambda value: "arn:{partition}:iam::{account}:policy".format_map(value)
        + (value.get("path") or "/")
        + value["name"],
        "id": "{arn}",
    },
    "aws_iam_role": {
        "path": lambda _: "/",
        "arn": lambda value: "arn:{partition}:iam::{account}:role".format_map(value)
        + (value.get("path") or "/")
        + value["name"],
        "id": "{name}",
        "unique_id": lambda value: "AROA" + value["hash"][:17].upper(),
        "create_date": lambda _: CREATED,
        "max_session_duration": lambda _: 3600,
    },
    "aws_iam_role_policy": {"id": "{role}:{name}"},
    "aws_iam_role_policy_attachment": {"id": "{role}/{policy_arn}"},
    "aws_kms_alias": {
        "arn": "arn:{partition}:kms:{region}:{account}:{name}",
        "id": "{name}",
        "target_key_arn": lambda value: (
            value["target_key_id"]
            if value["target_key_id"].startswith("arn:")
            else "arn:{partition}:kms:{region}:{account}:key/{target_key_id}".format_map(value)
        ),
    },
    "aws_kms_key": {
        "key_id": "{uuid}",
        "arn": "arn:{partition}:kms:{region}:{account}:key/{key_id}",
        "id": "{key_id}",
    },
    "aws_lambda_alias": {
        "arn": lambda value: f"{_function_arn(value)}:{value['name']}",
        "invoke_arn": INVOKE + "{arn}/invocations",
        "id": "{arn}",
    },
    "aws_lambda_event_source_mapping": {
        "uuid": "{uuid}",
        "id": "{uuid}",
        "arn": "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{uuid}",
        "function_arn": _function_arn,
        "state": lambda _: "Enabled",
    },
    "aws_lambda_function": {
        "arn": _function_arn,
        "id": "{function_name}",
        "version": _published,
        "qualified_arn": "{arn}:{version}",
        "invoke_arn": INVOKE + "{arn}/invocations",
        "qualified_invoke_arn": INVOKE + "{qualified_arn}/invocations",
        "last_modified": lambda _: CREATED,
        "architectures": lambda _: ["x86_64"],
    },
    "aws_lambda_permission": {"statement_id": "terraform-{short}", "id": "{statement_id}"},
    "aws_route53_record": {
        "fqdn": lambda value: value["name"].rstrip("."),
        "id": "{zone_id}_{name}_{type}",
    },
    "aws_s3_bucket": {
        "id": "{bucket}",
        "arn": "arn:{partition}:s3:::{bucket}",
        "bucket_domain_name": "{bucket}.s3.amazonaws.com",
        "bucket_region": "{region}",
        "bucket_regional_domain_name": "{bucket}.s3.{region}.amazonaws.com",
        "object_lock_enabled": lambda _: False,
    },
    "aws_s3_bucket_lifecycle_configuration": OF_BUCKET,
    "aws_s3_bucket_object_lock_configuration": OF_BUCKET,
    "aws_s3_bucket_ownership_controls": OF_BUCKET,
    "aws_s3_bucket_policy": OF_BUCKET,
    "aws_s3_bucket_public_access_block": OF_BUCKET,
    "aws_s3_bucket_replication_configuration": OF_BUCKET,
    "aws_s3_bucket_server_side_encryption_configuration": OF_BUCKET,
    "aws_s3_bucket_versioning": OF_BUCKET,
    "aws_scheduler_schedule_group": {
        "arn": "arn:{partition}:scheduler:{region}:{account}:schedule-group/{name}",
        "id": "{name}",
    },
    "aws_scheduler_schedule": {
        "group_name": lambda _: "default",
        "arn": "arn:{partition}:scheduler:{region}:{account}:schedule/{group_name}/{name}",
        "id": "{group_name}/{name}",
    },
    "aws_sns_topic": {"arn": "arn:{partition}:sns:{region}:{account}:{name}", "id": "{arn}"},
    "aws_sns_topic_policy": {"id": "{arn}", "owner": "{account}"},
    "aws_sns_topic_subscription": {"arn": "{topic_arn}:{uuid}", "id": "{arn}", "owner_id": "{account}"},
    "aws_sqs_queue": {
        "url": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "arn": "arn:{partition}:sqs:{region}:{account}:{name}",
        "id": "{url}",
    },
    "aws_sqs_queue_policy": OF_QUEUE,
    "aws_sqs_queue_redrive_allow_policy": OF_QUEUE,
    "aws_sqs_queue_redrive_policy": OF_QUEUE,
}

DATA: dict[str, dict[str, Formula]] = {
    "aws_caller_identity": {
        "account_id": "{account}",
        "arn": "arn:{partition}:iam::{account}:user/terraform",
        "id": "{account}",
        "user_id": lambda _: "AIDAAAAAAAAAAAAAAAAAA",
    },
    "aws_partition": {
        "partition": "{partition}",
        "id": "{partition}",
        "dns_suffix": lambda _: "amazonaws.com",
        "reverse_dns_prefix": lambda _: "com.amazonaws",
    },
    "aws_region": {
        "region": "{region}",
        "name": "{region}",
        "id": "{region}",
        "description": "{region}",
        "endpoint": "ec2.{region}.amazonaws.com",
    },
}


def digest(type_name: str, value: Value, turn: int) -> str:
    """32 hexadecimal digits that stand for the resource; `turn` tells equal ones apart."""
    written = json.dumps([type_name, value, turn], sort_keys=True, default=lambda unknown: None)
    return hashlib.sha256(written.encode()).hexdigest()[:32]


def computed(
    formulas: dict[str, Formula], block: dict[str, Any], value: Value, region: str, seed: str
) -> Value:
    """The value with everything that was left to AWS filled in; what is known stays."""
    names = _Names({name: None if wire.is_unknown(it) else it for name, it in value.items()})
    names.extra = {"account": ACCOUNT, "partition": PARTITION, "region": region, "hash": seed}
    names.extra |= {"short": seed[:10], "uuid": str(uuid.UUID(seed))}
    if wire.is_unknown(value.get("name")):
        names.value["name"] = f"{names.get('name_prefix', 'terraform-')}{seed[:10]}"
    for name, formula in formulas.items():
        if name in value and wire.is_unknown(value[name]):
            made = formula if callable(formula) else formula.format_map
            names.value[name] = made(names)
    made = {name: names.value.get(name) if wire.is_unknown(it) else it for name, it in value.items()}
    return _filled(block, made, seed)


class _Names(dict[str, Any]):
    """What a formula may name: the attributes, then the rest."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value
        self.extra: Value = {}

    def __missing__(self, name: str) -> Any:
        known = self.value.get(name)
        if known is None and name in self.extra:
            return self.extra[name]
        if known is None:
            raise KeyError(f"`{name}` is not known")
        return known

    def get(self, name: str, default: Any = None) -> Any:
        known = self.value.get(name)
        return default if known is None else known


def _filled(block: dict[str, Any], value: Value, seed: str) -> Value:
    """What no formula names: text where text is due, nothing elsewhere."""
    made = dict(value)
    for name, attribute in block["attributes"].items():
        it = made.get(name)
        if wire.is_unknown(it) or (it is None and attribute["computed"]):
            made[name] = _plain(name, attribute["type"], seed)
    for name, nested in block["block_types"].items():
        inner = made.get(name)
        if isinstance(inner, list):
            made[name] = [_filled(nested["block"], it, seed) for it in inner]
        elif isinstance(inner, dict) and nested["nesting_mode"] == "single":
            made[name] = _filled(nested["block"], inner, seed)
    return made


def _plain(name: str, type_of: Any, seed: str) -> Any:
    if type_of == "string":
        return f"{name.replace('_', '-')}-{seed[:10]}" if name == "id" or name.endswith("_id") else ""
    if type_of in ("number", "bool"):
        return {"number": 0, "bool": False}[type_of]
    return {} if isinstance(type_of, list) and type_of[0] in ("map", "object") else []

