resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log.days
  kms_key_id        = var.key_arn
}

resource "aws_iam_role" "this" {
  name                 = var.name
  permissions_boundary = var.boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
      }
    ]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "what-it-uses"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(var.statements, [
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }
    ])
  })
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116: What nobody waits for keeps its failures by `aws_lambda_function_event_invoke_config`; the others are called by who waits, or by mappings with dead letters.
  # checkov:skip=CKV_AWS_117: Nothing that it talks to is in a network of ours; a network would add addresses to pay for and a way out to guard.
  # checkov:skip=CKV_AWS_173: Settings name things and hold no secret; a key of ours would cost a call to KMS at each start.
  # checkov:skip=CKV_AWS_272: Zips are signed where they are built, and their hashes are what Terraform compares; Lambda's own check needs a second signing service.
  function_name    = var.name
  description      = var.purpose
  role             = aws_iam_role.this.arn
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.memory_mb
  timeout          = var.timeout_s
  publish          = true

  # -1 is Lambda's word for "shares what the account has".
  reserved_concurrent_executions = var.reserved_concurrency == null ? -1 : var.reserved_concurrency

  environment {
    variables = var.settings
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    application_log_level = var.log.level
    system_log_level      = "WARN"
  }

  tracing_config {
    mode = var.traced ? "Active" : "PassThrough"
  }

  # Permissions first: Lambda may start it at once.
  depends_on = [aws_iam_role_policy.this]
}

# Everything that starts the function starts its alias `live`. Either apply moves it, or CodeDeploy: then it
# takes a new version for a part of the calls, and Terraform leaves alone what it finds.
resource "aws_lambda_alias" "at_once" {
  count = var.shifts ? 0 : 1

  name             = "live"
  description      = "What is called."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_alias" "shifted" {
  count = var.shifts ? 1 : 0

  name             = "live"
  description      = "What is called; CodeDeploy moves it to a new version."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.keeps_failures ? 1 : 0

  function_name                = aws_lambda_function.this.function_name
  qualifier                    = local.alias.name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = var.failures_arn
    }
  }
}

locals {
  alias = one(concat(aws_lambda_alias.at_once, aws_lambda_alias.shifted))
}
