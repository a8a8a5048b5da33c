data "aws_caller_identity" "this" {}

resource "aws_iam_role" "this" {
  name = "${var.name}-schedule"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "scheduler.amazonaws.com" }
        Action    = "sts:AssumeRole"
        # Not for somebody else's schedules.
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
      }
    ]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "what-it-starts"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Start"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [var.function_arn]
      },
      {
        Sid      = "KeepFailures"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [var.dead_arn]
      },
      {
        Sid       = "AtRest"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "sqs.${var.region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_scheduler_schedule" "this" {
  # checkov:skip=CKV_AWS_297: There is nothing to hide: its input is empty.
  name                         = var.name
  group_name                   = var.group
  description                  = var.purpose
  schedule_expression          = var.expression
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.function_arn
    role_arn = aws_iam_role.this.arn
    input    = jsonencode({})

    # A start that is late is the next one's work.
    retry_policy {
      maximum_event_age_in_seconds = 300
      maximum_retry_attempts       = 5
    }

    dead_letter_config {
      arn = var.dead_arn
    }
  }
}
