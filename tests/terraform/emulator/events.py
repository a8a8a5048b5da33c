"""Buses, rules, targets and schedules."""

from __future__ import annotations

from .aws import Aws, Refused, Value, given, one


def cloudwatch_event_bus(aws: Aws, value: Value) -> Value:
    """An event bus."""
    letters = given(Arn=one(value, "dead_letter_config").get("arn"))
    made = aws.events.create_event_bus(
        **given(
            Name=value["name"],
            Description=value.get("description"),
            DeadLetterConfig=letters,
            KmsKeyIdentifier=value.get("kms_key_identifier"),
        )
    )
    return {"id": value["name"], "arn": made["EventBusArn"]}


def cloudwatch_event_rule(aws: Aws, value: Value) -> Value:
    """A rule, by pattern or by schedule."""
    bus = value.get("event_bus_name") or "default"
    made = aws.events.put_rule(
        **given(
            Name=value["name"],
            EventBusName=bus,
            EventPattern=value.get("event_pattern"),
            ScheduleExpression=value.get("schedule_expression"),
            Description=value.get("description"),
            State=value.get("state") or "ENABLED",
        )
    )
    return {"id": f"{bus}/{value['name']}", "arn": made["RuleArn"], "event_bus_name": bus}


def cloudwatch_event_target(aws: Aws, value: Value) -> Value:
    """What a rule starts, and where its dead letters go."""
    bus = value.get("event_bus_name") or "default"
    name = value.get("target_id") or f"terraform-{value['rule']}"
    retry = one(value, "retry_policy")
    change = one(value, "input_transformer")
    target = given(
        Id=name,
        Arn=value["arn"],
        RoleArn=value.get("role_arn"),
        Input=value.get("input"),
        InputPath=value.get("input_path"),
        InputTransformer=given(
            InputPathsMap=change.get("input_paths"), InputTemplate=change.get("input_template")
        ),
        DeadLetterConfig=given(Arn=one(value, "dead_letter_config").get("arn")),
        RetryPolicy=_retry(retry),
        SqsParameters=given(MessageGroupId=one(value, "sqs_target").get("message_group_id")),
    )
    said = aws.events.put_targets(Rule=value["rule"], EventBusName=bus, Targets=[target])
    if said.get("FailedEntryCount"):
        raise Refused(str(said["FailedEntries"]))
    return {"id": f"{bus}-{value['rule']}-{name}", "target_id": name, "event_bus_name": bus}


def scheduler_schedule_group(aws: Aws, value: Value) -> Value:
    """A group of schedules."""
    made = aws.scheduler.create_schedule_group(Name=value["name"])
    return {"id": value["name"], "arn": made["ScheduleGroupArn"]}


def scheduler_schedule(aws: Aws, value: Value) -> Value:
    """A schedule with its one target."""
    target = one(value, "target")
    window = one(value, "flexible_time_window")
    group = value.get("group_name") or "default"
    made = aws.scheduler.create_schedule(
        **given(
            Name=value["name"],
            GroupName=group,
            Description=value.get("description"),
            ScheduleExpression=value["schedule_expression"],
            ScheduleExpressionTimezone=value.get("schedule_expression_timezone"),
            State=value.get("state"),
            KmsKeyArn=value.get("kms_key_arn"),
            FlexibleTimeWindow=given(
                Mode=window["mode"], MaximumWindowInMinutes=window.get("maximum_window_in_minutes")
            ),
            Target=given(
                Arn=target["arn"],
                RoleArn=target["role_arn"],
                Input=target.get("input"),
                DeadLetterConfig=given(Arn=one(target, "dead_letter_config").get("arn")),
                RetryPolicy=_retry(one(target, "retry_policy")),
            ),
        )
    )
    return {"id": f"{group}/{value['name']}", "arn": made["ScheduleArn"], "group_name": group}


def _retry(block: Value) -> Value:
    return given(
        MaximumEventAgeInSeconds=block.get("maximum_event_age_in_seconds"),
        MaximumRetryAttempts=block.get("maximum_retry_attempts"),
    )
