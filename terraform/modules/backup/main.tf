# Point-in-time recovery brings back any second of 35 days, in this region and as long as the table is there.
# This is for the rest: a table that was deleted, and a region that is gone.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_backup_vault" "this" {
  name        = var.name
  kms_key_arn = var.key_arn
}

# A key does not leave its region.
resource "aws_kms_key" "copy" {
  count = var.copy == null ? 0 : 1

  region                  = var.copy.region
  description             = "Encrypts the copies of ${var.name}'s recovery points."
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      }
    ]
  })
}

resource "aws_backup_vault" "copy" {
  count = var.copy == null ? 0 : 1

  region      = var.copy.region
  name        = var.name
  kms_key_arn = one(aws_kms_key.copy).arn
}

resource "aws_backup_plan" "this" {
  name = var.name

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this.name
    schedule          = "cron(0 3 * * ? *)"
    start_window      = 60
    completion_window = 360

    lifecycle {
      delete_after = var.days
    }

    dynamic "copy_action" {
      for_each = var.copy == null ? [] : [var.copy]

      content {
        destination_vault_arn = one(aws_backup_vault.copy).arn

        lifecycle {
          delete_after = copy_action.value.days
        }
      }
    }
  }
}

module "role" {
  source = "../service-role"

  boundary_arn = var.boundary_arn
  name         = "${var.name}-backup"
  service      = "backup.amazonaws.com"
}

# AWS's own lists of what AWS Backup needs, to back up and to restore.
resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"])

  role       = module.role.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/${each.key}"
}

resource "aws_backup_selection" "this" {
  name         = var.name
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = module.role.arn
  resources    = var.resource_arns
}
