module "role" {
  source = "../service-role"

  boundary_arn = var.boundary_arn
  name         = "${var.name}-schedule"
  service      = "scheduler.amazonaws.com"
  policy = {
    name = "what-it-starts"
    statements = [
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
  }
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
    role_arn = module.role.arn
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
