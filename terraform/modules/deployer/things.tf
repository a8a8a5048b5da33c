# What belongs to the environment, by service: by name where AWS lets us name, by the platform's tag where it draws an id.

locals {
  arn     = "arn:${data.aws_partition.this.partition}"
  account = data.aws_caller_identity.this.account_id
  tag     = "application"

  named = {
    acm        = ["${local.arn}:acm:*:${local.account}:certificate/*"]
    budgets    = ["${local.arn}:budgets::${local.account}:budget/${var.name}"]
    cloudwatch = ["${local.arn}:cloudwatch:*:${local.account}:alarm:${var.name}-*", "${local.arn}:cloudwatch::${local.account}:dashboard/${var.name}"]
    codedeploy = [for it in ["application:${var.name}", "deploymentgroup:${var.name}/*", "deploymentconfig:${var.name}-*"] : "${local.arn}:codedeploy:*:${local.account}:${it}"]
    dynamodb   = ["${local.arn}:dynamodb:*:${local.account}:table/${var.name}-*"]
    events     = ["${local.arn}:events:*:${local.account}:event-bus/${var.name}", "${local.arn}:events:*:${local.account}:rule/${var.name}/*"]
    lambda     = ["${local.arn}:lambda:*:${local.account}:function:${var.name}-*"]
    logs       = ["${local.arn}:logs:*:${local.account}:log-group:/aws/*/${var.name}-*"]
    s3         = ["${local.arn}:s3:::${var.name}-*"]
    scheduler  = ["${local.arn}:scheduler:*:${local.account}:schedule-group/${var.name}", "${local.arn}:scheduler:*:${local.account}:schedule/${var.name}/*"]
    sns        = ["${local.arn}:sns:*:${local.account}:${var.name}-*"]
    sqs        = ["${local.arn}:sqs:*:${local.account}:${var.name}-*"]
  }

  # An API has no name in its ARN, nor have mappings of queues to functions.
  gateway  = [for it in ["apis", "apis/*", "domainnames", "domainnames/*", "tags/*"] : "${local.arn}:apigateway:*::/${it}"]
  mappings = "${local.arn}:lambda:*:${local.account}:event-source-mapping:*"
  keys     = "${local.arn}:kms:*:${local.account}:key/*"
  aliases  = "${local.arn}:kms:*:${local.account}:alias/${var.name}-*"
  vaults   = "${local.arn}:backup:*:${local.account}:backup-vault:${var.name}"
  plans    = "${local.arn}:backup:*:${local.account}:backup-plan:*"
  roles    = "${local.arn}:iam::${local.account}:role/${var.name}-*"
  zone     = var.zone_id == null ? [] : ["${local.arn}:route53:::hostedzone/${var.zone_id}"]

  is_ours       = { StringEquals = { "aws:ResourceTag/${local.tag}" = var.name } }
  becomes_ours  = { StringEquals = { "aws:RequestTag/${local.tag}" = var.name } }
  is_of_ours    = { ArnLike = { "lambda:FunctionArn" = local.named.lambda[0] } }
  own_boundary  = "${local.arn}:iam::${local.account}:policy/${var.name}-boundary"
  own_workflows = "${local.arn}:iam::${local.account}:role/${var.name}-workflow-*"
}
