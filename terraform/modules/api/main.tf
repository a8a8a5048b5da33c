resource "aws_apigatewayv2_api" "this" {
  name                         = var.name
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = !var.has_default_endpoint

  # The same as `scorpius_edge::serve::Cors`, which the local host applies; a test compares the two.
  dynamic "cors_configuration" {
    for_each = length(var.origins) == 0 ? [] : [var.origins]

    content {
      allow_origins     = cors_configuration.value
      allow_methods     = ["GET", "POST", "PUT", "PATCH", "DELETE"]
      allow_headers     = ["authorization", "content-type", "dpop", "idempotency-key", "if-match", "x-api-key", "x-csrf-token", "x-request-id"]
      expose_headers    = ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy", "etag", "idempotency-replayed"]
      allow_credentials = false
      max_age           = 600
    }
  }
}

# Asked about every request: no source of identity that could be missing, no answer that is remembered, so
# that a key that was revoked is refused at once.
resource "aws_apigatewayv2_authorizer" "this" {
  api_id                            = aws_apigatewayv2_api.this.id
  name                              = "authorizer"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = var.authorizer.invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  authorizer_result_ttl_in_seconds  = 0
  identity_sources                  = []
}

resource "aws_lambda_permission" "authorizer" {
  statement_id  = "api"
  function_name = var.authorizer.name
  qualifier     = var.authorizer.alias
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.this.id}"
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = var.functions

  api_id                 = aws_apigatewayv2_api.this.id
  description            = each.key
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = each.value.invoke_arn
  payload_format_version = "2.0"
  # A function has at most 29 s, so that its own answer comes first.
  timeout_milliseconds = 30000
}

resource "aws_lambda_permission" "this" {
  for_each = var.functions

  statement_id  = "api"
  function_name = each.value.name
  qualifier     = each.value.alias
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}

resource "aws_apigatewayv2_route" "this" {
  # checkov:skip=CKV_AWS_309: Each route has our authorizer; it says who asks, and the function's door refuses with a problem document.
  for_each = var.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this[each.value.function].id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.this.id
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/vendedlogs/${var.name}-api"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_rate_limit    = var.throttle.rate
    throttling_burst_limit   = var.throttle.burst
  }

  dynamic "route_settings" {
    for_each = var.route_throttles

    content {
      route_key                = route_settings.key
      detailed_metrics_enabled = true
      throttling_rate_limit    = route_settings.value.rate
      throttling_burst_limit   = route_settings.value.burst
    }
  }

  # Whether a function answered or the gateway did, and why; neither paths nor credentials, which name people.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this.arn
    format = jsonencode({
      request_id         = "$context.requestId"
      time_epoch         = "$context.requestTimeEpoch"
      route              = "$context.routeKey"
      protocol           = "$context.protocol"
      status             = "$context.status"
      response_bytes     = "$context.responseLength"
      response_ms        = "$context.responseLatency"
      integration_ms     = "$context.integrationLatency"
      integration_status = "$context.integrationStatus"
      integration_error  = "$context.integrationErrorMessage"
      authorizer_ms      = "$context.authorizer.latency"
      authorizer_error   = "$context.authorizer.error"
      gateway_error      = "$context.error.responseType"
      source_ip          = "$context.identity.sourceIp"
      trace_id           = "$context.awsEndpointRequestId"
    })
  }

  depends_on = [aws_apigatewayv2_route.this]
}
