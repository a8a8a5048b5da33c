# A new version gets a part of the calls first, then all of them; when an alarm sounds meanwhile, CodeDeploy
# gives all calls back to the version before.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_codedeploy_app" "this" {
  name             = var.name
  compute_platform = "Lambda"
}

resource "aws_codedeploy_deployment_config" "this" {
  deployment_config_name = "${var.name}-canary"
  compute_platform       = "Lambda"

  traffic_routing_config {
    type = "TimeBasedCanary"

    time_based_canary {
      percentage = var.canary.percent
      interval   = var.canary.minutes
    }
  }
}

locals {
  lambda = "arn:${data.aws_partition.this.partition}:lambda:*:${data.aws_caller_identity.this.account_id}:function"
  alarms = "arn:${data.aws_partition.this.partition}:cloudwatch:*:${data.aws_caller_identity.this.account_id}:alarm"
}

module "role" {
  source = "../service-role"

  boundary_arn = var.boundary_arn
  name         = "${var.name}-release"
  service      = "codedeploy.amazonaws.com"
  policy = {
    name = "what-it-moves"
    statements = [
      {
        Sid    = "MoveAliases"
        Effect = "Allow"
        Action = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        Resource = flatten([
          for it in values(var.functions) : ["${local.lambda}:${it.name}", "${local.lambda}:${it.name}:${it.alias}"]
        ])
      },
      {
        Sid      = "HearAlarms"
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms"]
        Resource = ["${local.alarms}:${var.name}-*"]
      },
    ]
  }
}

# Failures of the new version alone, while the version before goes on.
resource "aws_cloudwatch_metric_alarm" "canary" {
  for_each = var.functions

  alarm_name        = "${var.name}-canary.${each.key}"
  alarm_description = "The newest version of a function fails. ${var.runbooks}/canary.md"

  namespace   = "AWS/Lambda"
  metric_name = "Errors"
  dimensions = {
    FunctionName    = each.value.name
    Resource        = "${each.value.name}:${each.value.alias}"
    ExecutedVersion = each.value.version
  }

  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [var.topic_arn]
}

resource "aws_codedeploy_deployment_group" "this" {
  for_each = var.functions

  app_name               = aws_codedeploy_app.this.name
  deployment_group_name  = each.key
  deployment_config_name = aws_codedeploy_deployment_config.this.deployment_config_name
  service_role_arn       = module.role.arn

  deployment_style {
    deployment_type   = "BLUE_GREEN"
    deployment_option = "WITH_TRAFFIC_CONTROL"
  }

  alarm_configuration {
    enabled = true
    alarms  = concat([aws_cloudwatch_metric_alarm.canary[each.key].alarm_name], var.alarms)
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
  }
}
