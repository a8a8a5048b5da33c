"""The HTTP API."""

from __future__ import annotations

from .aws import ACCOUNT, Aws, Value, camel, given, one


def apigatewayv2_api(aws: Aws, value: Value) -> Value:
    """An API; its address is the emulator's."""
    made = aws.apigatewayv2.create_api(
        **given(
            Name=value["name"],
            ProtocolType=value["protocol_type"],
            Description=value.get("description"),
            CorsConfiguration=camel(one(value, "cors_configuration")),
            DisableExecuteApiEndpoint=value.get("disable_execute_api_endpoint"),
        )
    )
    name = made["ApiId"]
    return {
        "id": name,
        "arn": f"arn:aws:apigateway:{aws.region}::/apis/{name}",
        "execution_arn": f"arn:aws:execute-api:{aws.region}:{ACCOUNT}:{name}",
        "api_endpoint": f"{aws.endpoint}/_aws/execute-api/{name}",
    }


def apigatewayv2_authorizer(aws: Aws, value: Value) -> Value:
    """Who says who asks."""
    token = one(value, "jwt_configuration")
    made = aws.apigatewayv2.create_authorizer(
        ApiId=value["api_id"],
        Name=value["name"],
        AuthorizerType=value["authorizer_type"],
        # The provider sends an empty list, too: then the function is asked about every request.
        IdentitySource=value.get("identity_sources") or [],
        **given(
            AuthorizerUri=value.get("authorizer_uri"),
            AuthorizerPayloadFormatVersion=value.get("authorizer_payload_format_version"),
            EnableSimpleResponses=value.get("enable_simple_responses"),
            AuthorizerResultTtlInSeconds=value.get("authorizer_result_ttl_in_seconds"),
            AuthorizerCredentialsArn=value.get("authorizer_credentials_arn"),
            JwtConfiguration=given(Audience=token.get("audience"), Issuer=token.get("issuer")),
        ),
    )
    return {"id": made["AuthorizerId"]}


def apigatewayv2_integration(aws: Aws, value: Value) -> Value:
    """What answers."""
    made = aws.apigatewayv2.create_integration(
        **given(
            ApiId=value["api_id"],
            IntegrationType=value["integration_type"],
            IntegrationUri=value.get("integration_uri"),
            IntegrationMethod=value.get("integration_method"),
            PayloadFormatVersion=value.get("payload_format_version"),
            TimeoutInMillis=value.get("timeout_milliseconds"),
            Description=value.get("description"),
        )
    )
    return {"id": made["IntegrationId"]}


def apigatewayv2_route(aws: Aws, value: Value) -> Value:
    """Which requests go where."""
    made = aws.apigatewayv2.create_route(
        **given(
            ApiId=value["api_id"],
            RouteKey=value["route_key"],
            Target=value.get("target"),
            AuthorizationType=value.get("authorization_type"),
            AuthorizerId=value.get("authorizer_id"),
        )
    )
    return {"id": made["RouteId"]}


def apigatewayv2_stage(aws: Aws, value: Value) -> Value:
    """A stage, deployed as it is."""
    log = one(value, "access_log_settings")
    aws.apigatewayv2.create_stage(
        **given(
            ApiId=value["api_id"],
            StageName=value["name"],
            AutoDeploy=value.get("auto_deploy"),
            StageVariables=value.get("stage_variables"),
            DefaultRouteSettings=camel(one(value, "default_route_settings")),
            AccessLogSettings=given(DestinationArn=log.get("destination_arn"), Format=log.get("format")),
        )
    )
    return {
        "id": value["name"],
        "execution_arn": f"arn:aws:execute-api:{aws.region}:{ACCOUNT}:{value['api_id']}/{value['name']}",
        "invoke_url": f"{aws.endpoint}/_aws/execute-api/{value['api_id']}/{value['name']}",
    }
