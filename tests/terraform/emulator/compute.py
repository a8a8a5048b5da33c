"""Functions, and what starts them."""

from __future__ import annotations

import zipfile
from io import BytesIO

from .aws import Aws, Refused, Value, camel, file_of, given, one

INVOKE = "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"


def lambda_function(aws: Aws, value: Value) -> Value:
    """A function from its zip; the emulator's address is added to its settings."""
    code = file_of(value["filename"])
    with zipfile.ZipFile(BytesIO(code)) as opened:
        if value.get("runtime", "").startswith("provided") and "bootstrap" not in opened.namelist():
            raise Refused(f"{value['filename']} holds no `bootstrap`")
    settings = dict(one(value, "environment").get("variables") or {})
    made = aws.lambda_.create_function(
        **given(
            FunctionName=value["function_name"],
            Role=value["role"],
            Code={"ZipFile": code},
            Runtime=value.get("runtime"),
            Handler=value.get("handler"),
            Description=value.get("description"),
            Timeout=value.get("timeout"),
            MemorySize=value.get("memory_size"),
            Publish=value.get("publish"),
            Architectures=value.get("architectures"),
            Environment={"Variables": settings | {"AWS_ENDPOINT_URL": aws.endpoint}},
            DeadLetterConfig=given(TargetArn=one(value, "dead_letter_config").get("target_arn")),
            TracingConfig=given(Mode=one(value, "tracing_config").get("mode")),
            LoggingConfig=_logging(one(value, "logging_config")),
        )
    )
    limit = value.get("reserved_concurrent_executions")
    if limit is not None and limit >= 0:
        aws.lambda_.put_function_concurrency(
            FunctionName=value["function_name"], ReservedConcurrentExecutions=limit
        )
    arn = ":".join(made["FunctionArn"].split(":")[:7])
    qualified = f"{arn}:{made['Version']}"
    return {
        "id": value["function_name"],
        "arn": arn,
        "version": made["Version"],
        "qualified_arn": qualified,
        "invoke_arn": INVOKE.format(region=aws.region, arn=arn),
        "qualified_invoke_arn": INVOKE.format(region=aws.region, arn=qualified),
        "code_sha256": made["CodeSha256"],
        "source_code_size": made["CodeSize"],
        "last_modified": made["LastModified"],
    }


def lambda_alias(aws: Aws, value: Value) -> Value:
    """A name for a version, or for a weighted pair of them."""
    weights = one(value, "routing_config").get("additional_version_weights")
    made = aws.lambda_.create_alias(
        **given(
            FunctionName=value["function_name"],
            Name=value["name"],
            FunctionVersion=value["function_version"],
            Description=value.get("description"),
            RoutingConfig=given(AdditionalVersionWeights=weights),
        )
    )
    arn = made["AliasArn"]
    return {"id": arn, "arn": arn, "invoke_arn": INVOKE.format(region=aws.region, arn=arn)}


def lambda_permission(aws: Aws, value: Value) -> Value:
    """Who may invoke a function."""
    statement = value.get("statement_id")
    if not statement:
        raise Refused("a permission has a `statement_id`, so that it is the same each time")
    aws.lambda_.add_permission(
        **given(
            FunctionName=value["function_name"],
            StatementId=statement,
            Action=value["action"],
            Principal=value["principal"],
            SourceArn=value.get("source_arn"),
            SourceAccount=value.get("source_account"),
            Qualifier=value.get("qualifier"),
        )
    )
    return {"id": statement}


def lambda_event_source_mapping(aws: Aws, value: Value) -> Value:
    """A queue or a stream that a function reads."""
    failed = one(one(value, "destination_config"), "on_failure").get("destination_arn")
    filters = [given(Pattern=it["pattern"]) for it in one(value, "filter_criteria").get("filter") or []]
    made = aws.lambda_.create_event_source_mapping(
        **given(
            EventSourceArn=value["event_source_arn"],
            FunctionName=value["function_name"],
            Enabled=value.get("enabled"),
            BatchSize=value.get("batch_size"),
            MaximumBatchingWindowInSeconds=value.get("maximum_batching_window_in_seconds"),
            StartingPosition=value.get("starting_position"),
            ParallelizationFactor=value.get("parallelization_factor"),
            BisectBatchOnFunctionError=value.get("bisect_batch_on_function_error"),
            MaximumRetryAttempts=value.get("maximum_retry_attempts"),
            MaximumRecordAgeInSeconds=value.get("maximum_record_age_in_seconds"),
            FunctionResponseTypes=value.get("function_response_types"),
            ScalingConfig=camel(one(value, "scaling_config")),
            DestinationConfig=given(OnFailure=given(Destination=failed)),
            FilterCriteria=given(Filters=filters),
        )
    )
    return {"id": made["UUID"], "uuid": made["UUID"], "function_arn": made["FunctionArn"]}


def lambda_function_event_invoke_config(aws: Aws, value: Value) -> Value:
    """What becomes of asynchronous invocations that fail."""
    destinations = one(value, "destination_config")
    aws.lambda_.put_function_event_invoke_config(
        **given(
            FunctionName=value["function_name"],
            Qualifier=value.get("qualifier"),
            MaximumRetryAttempts=value.get("maximum_retry_attempts"),
            MaximumEventAgeInSeconds=value.get("maximum_event_age_in_seconds"),
            DestinationConfig=given(
                OnFailure=given(Destination=one(destinations, "on_failure").get("destination")),
                OnSuccess=given(Destination=one(destinations, "on_success").get("destination")),
            ),
        )
    )
    return {"id": ":".join(filter(None, [value["function_name"], value.get("qualifier")]))}


def _logging(block: Value) -> Value:
    return given(
        LogFormat=block.get("log_format"),
        LogGroup=block.get("log_group"),
        ApplicationLogLevel=block.get("application_log_level"),
        SystemLogLevel=block.get("system_log_level"),
    )
