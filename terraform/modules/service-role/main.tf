# A role that a service of AWS takes on for this account, and for nobody else's.

data "aws_caller_identity" "this" {}

resource "aws_iam_role" "this" {
  name                 = var.name
  permissions_boundary = var.boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = var.service }
        Action    = "sts:AssumeRole"
        Condition = merge(
          { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } },
          var.source_arn == null ? {} : { ArnEquals = { "aws:SourceArn" = var.source_arn } },
        )
      }
    ]
  })
}

resource "aws_iam_role_policy" "this" {
  count = var.policy == null ? 0 : 1

  name = var.policy.name
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = var.policy.statements
  })
}
