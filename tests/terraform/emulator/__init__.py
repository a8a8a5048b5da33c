"""What apply creates on the emulator, and what it only makes up there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from botocore.exceptions import BotoCoreError, ClientError

from . import compute, events, gateway, identity, queues, storage
from .aws import Aws, Refused, Value

CREATORS: dict[str, Callable[[Aws, Value], Value]] = {
    f"aws_{creator.__name__}": creator
    for creator in (
        compute.lambda_alias,
        compute.lambda_event_source_mapping,
        compute.lambda_function,
        compute.lambda_function_event_invoke_config,
        compute.lambda_permission,
        events.cloudwatch_event_bus,
        events.cloudwatch_event_rule,
        events.cloudwatch_event_target,
        events.scheduler_schedule,
        events.scheduler_schedule_group,
        gateway.apigatewayv2_api,
        gateway.apigatewayv2_authorizer,
        gateway.apigatewayv2_integration,
        gateway.apigatewayv2_route,
        gateway.apigatewayv2_stage,
        identity.cloudwatch_log_group,
        identity.iam_role,
        identity.iam_role_policy,
        identity.kms_alias,
        identity.kms_key,
        queues.sqs_queue,
        queues.sqs_queue_policy,
        queues.sqs_queue_redrive_allow_policy,
        queues.sqs_queue_redrive_policy,
        storage.dynamodb_table,
        storage.s3_bucket,
        storage.s3_bucket_object_lock_configuration,
        storage.s3_bucket_ownership_controls,
        storage.s3_bucket_policy,
        storage.s3_bucket_public_access_block,
        storage.s3_bucket_server_side_encryption_configuration,
        storage.s3_bucket_versioning,
    )
}

WATCHING = "it only watches, and tests look for themselves"
OUTSIDE = "it lies outside of the stack: names, certificates, money"

MADE_UP: dict[str, str] = {
    "aws_acm_certificate": OUTSIDE,
    "aws_acm_certificate_validation": OUTSIDE,
    "aws_apigatewayv2_api_mapping": OUTSIDE,
    "aws_apigatewayv2_domain_name": OUTSIDE,
    "aws_backup_plan": "nothing is lost in a test's lifetime",
    "aws_backup_selection": "nothing is lost in a test's lifetime",
    "aws_backup_vault": "nothing is lost in a test's lifetime",
    "aws_budgets_budget": OUTSIDE,
    "aws_cloudwatch_dashboard": WATCHING,
    "aws_cloudwatch_log_metric_filter": WATCHING,
    "aws_cloudwatch_metric_alarm": WATCHING,
    "aws_codedeploy_app": "the emulator has no CodeDeploy",
    "aws_codedeploy_deployment_config": "the emulator has no CodeDeploy",
    "aws_codedeploy_deployment_group": "the emulator has no CodeDeploy",
    "aws_iam_role_policy_attachment": "AWS's own policies are not there, and none is enforced",
    "aws_route53_record": OUTSIDE,
    "aws_s3_bucket_lifecycle_configuration": "it acts after days",
    "aws_s3_bucket_replication_configuration": "the emulator copies nothing between accounts",
    "aws_sns_topic": WATCHING,
    "aws_sns_topic_policy": WATCHING,
    "aws_sns_topic_subscription": WATCHING,
}
"""Types that are not created, and why."""


class Emulator:
    """The emulator behind the provider; one client a region and service."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.regions: dict[str, Aws] = {}
        self.lock = threading.Lock()
        self.absent = dict(MADE_UP)
        try:
            self.region("us-east-1").scheduler.list_schedules()
        except (BotoCoreError, ClientError) as error:
            why = f"this emulator runs without its scheduler: {error}"
            self.absent |= {"aws_scheduler_schedule": why, "aws_scheduler_schedule_group": why}

    def region(self, name: str) -> Aws:
        """Clients of one region."""
        with self.lock:
            if name not in self.regions:
                self.regions[name] = Aws(self.endpoint, name)
            return self.regions[name]

    def creates(self, type_name: str) -> bool:
        """Whether the type is created, and not made up."""
        return type_name not in self.absent

    def made_up(self, types: Iterable[str]) -> list[str]:
        """A line for each of the types that is not created."""
        return [f"made up: {name}: {self.absent[name]}" for name in sorted(types) if name in self.absent]

    def create(self, type_name: str, value: Value, is_new: bool, region: str) -> Value:
        """Creates the resource; what AWS would compute of it."""
        creator = CREATORS.get(type_name)
        if creator is None:
            raise Refused(f"{type_name} is neither created on the emulator nor made up with a reason")
        if not is_new:
            raise Refused("on the emulator resources are created and never changed: start another one")
        return creator(self.region(value.get("region") or region), value)
