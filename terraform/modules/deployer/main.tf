# The two roles of one environment's workflows: one reads and changes nothing, one changes what belongs to the
# environment. Neither reads data: no blob, no record, no message.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  # GitHub names the environment that a job runs in; its reviewers stand before `deploy`.
  subjects = { plan = "${var.environment}-plan", deploy = var.environment }

  state = "scorpius/${var.environment}.tfstate"
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name                 = "${var.name}-workflow-${each.key}"
  max_session_duration = 7200

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Federated = var.issuer.provider_arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "${var.issuer.host}:aud" = "sts.amazonaws.com"
            "${var.issuer.host}:sub" = "repo:${var.repository}:environment:${each.value}"
          }
        }
      }
    ]
  })
}

locals {
  # Policies by who has them. AWS takes 6,144 characters in each.
  policies = {
    plan   = { state = local.reads_state, read = local.reads }
    deploy = { state = concat(local.reads_state, local.writes_state), read = local.reads, make = local.makes, roles = local.makes_roles }
  }

  attached = merge([
    for role, policies in local.policies : {
      for name, statements in policies : "${role}-${name}" => { role = role, statements = statements }
    }
  ]...)
}

resource "aws_iam_policy" "this" {
  # checkov:skip=CKV_AWS_288: Nothing that it reads is data; the state is its own, and the rest describes resources.
  # checkov:skip=CKV_AWS_289: Permissions are changed only of roles under the boundary, by name.
  # checkov:skip=CKV_AWS_290: What is created by an id that AWS draws is held to the platform's tag.
  # checkov:skip=CKV_AWS_355: Some lists know no resources; the star stands for these alone.
  for_each = local.attached

  name        = "${var.name}-workflow-${each.key}"
  description = "Of the workflows of ${var.environment}."
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.attached

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.this[each.key].arn
}

# What no role of the platform can go beyond, whatever its own policy says. It grants nothing by itself.
resource "aws_iam_policy" "boundary" {
  # checkov:skip=CKV_AWS_355: A limit and no grant: X-Ray and lists of alarms know no resources.
  # checkov:skip=CKV_AWS_290: A limit and no grant.
  # checkov:skip=CKV_AWS_288: A limit and no grant.
  # checkov:skip=CKV_AWS_289: A limit and no grant.
  name        = "${var.name}-boundary"
  description = "What no role of the platform can go beyond."

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ItsOwn"
        Effect   = "Allow"
        Action   = ["dynamodb:*", "events:PutEvents", "lambda:*", "logs:*", "s3:*", "sqs:*"]
        Resource = flatten([for it in ["dynamodb", "events", "lambda", "logs", "s3", "sqs"] : local.named[it]])
      },
      {
        Sid       = "ItsKeys"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GetPublicKey", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:Sign"]
        Resource  = [local.keys]
        Condition = local.is_ours
      },
      {
        # The vault's key may be another account's, whose policy says who uses it.
        Sid       = "ForCopies"
        Effect    = "Allow"
        Action    = ["kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = ["${local.arn}:kms:*:*:key/*"]
        Condition = { StringLike = { "kms:ViaService" = "s3.*.amazonaws.com" } }
      },
      {
        # Topics of tenants may be anybody's; which ones, a function's own role says.
        Sid      = "Topics"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = ["${local.arn}:sns:*:*:*"]
      },
      {
        # As which sender, a function's own role says.
        Sid      = "Letters"
        Effect   = "Allow"
        Action   = ["ses:SendEmail"]
        Resource = ["${local.arn}:ses:*:${local.account}:identity/*"]
      },
      {
        Sid      = "Backups"
        Effect   = "Allow"
        Action   = ["backup:*"]
        Resource = [local.vaults, "${local.arn}:backup:*:${local.account}:recovery-point:*"]
      },
      {
        Sid      = "KnowsNoResources"
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      },
    ]
  })
}
