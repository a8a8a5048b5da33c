# A copy of the ledger that whoever runs the platform cannot take back: in a bucket under Object Lock, which
# belongs in an account of its own. What is in the tiles are hashes, so that nothing personal is locked in.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The platform's account, and the vault's, which in tests and development is the same one.
      configuration_aliases = [aws, aws.vault]
    }
  }
}

data "aws_caller_identity" "vault" {
  provider = aws.vault
}

data "aws_region" "vault" {
  provider = aws.vault
}

data "aws_region" "this" {}

locals {
  bucket_arn = "arn:${data.aws_partition.this.partition}:s3:::${var.name}"
  is_apart   = data.aws_caller_identity.vault.account_id != data.aws_caller_identity.this.account_id
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

module "key" {
  source    = "../key"
  providers = { aws = aws.vault }

  name    = var.name
  purpose = "Encrypts the copy of the ledger."
  statements = [
    {
      Sid       = "Copies"
      Effect    = "Allow"
      Principal = { AWS = module.role.arn }
      Action    = ["kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.vault.region}.amazonaws.com" } }
    }
  ]
}

module "bucket" {
  source    = "../bucket"
  providers = { aws = aws.vault }

  name             = var.name
  key_arn          = module.key.arn
  lock             = var.lock
  may_be_destroyed = var.may_be_destroyed
  statements = [
    {
      Sid       = "Copies"
      Effect    = "Allow"
      Principal = { AWS = module.role.arn }
      # No copy of a deletion: what is in the vault stays.
      Action = ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateObject", "s3:ReplicateTags"]
    }
  ]
}

module "role" {
  source = "../service-role"

  boundary_arn = var.boundary_arn
  name         = "${var.name}-copies"
  service      = "s3.amazonaws.com"
  source_arn   = var.source_bucket.arn
  policy = {
    name = "what-it-copies"
    statements = [
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = [var.source_bucket.arn]
      },
      {
        Sid    = "ReadVersions"
        Effect = "Allow"
        Action = [
          "s3:GetObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectVersionAcl",
          "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging",
        ]
        Resource = [for prefix in var.prefixes : "${var.source_bucket.arn}/${prefix}*"]
      },
      {
        Sid      = "Write"
        Effect   = "Allow"
        Action   = ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateObject", "s3:ReplicateTags"]
        Resource = ["${local.bucket_arn}/*"]
      },
      {
        Sid       = "Decrypt"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.source_bucket.key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.this.region}.amazonaws.com" } }
      },
      {
        Sid       = "Encrypt"
        Effect    = "Allow"
        Action    = ["kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = [module.key.arn]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.vault.region}.amazonaws.com" } }
      },
    ]
  }
}

resource "aws_s3_bucket_replication_configuration" "this" {
  bucket = var.source_bucket.name
  role   = module.role.arn

  dynamic "rule" {
    for_each = var.prefixes

    content {
      id       = trimsuffix(replace(rule.value, "/", "-"), "-")
      priority = rule.key
      status   = "Enabled"

      filter {
        prefix = rule.value
      }

      delete_marker_replication {
        status = "Disabled"
      }

      source_selection_criteria {
        sse_kms_encrypted_objects {
          status = "Enabled"
        }
      }

      destination {
        bucket  = module.bucket.arn
        account = local.is_apart ? data.aws_caller_identity.vault.account_id : null

        encryption_configuration {
          replica_kms_key_id = module.key.arn
        }

        # The copy is the vault's own, and not the platform's in the vault's bucket.
        dynamic "access_control_translation" {
          for_each = local.is_apart ? ["Destination"] : []

          content {
            owner = access_control_translation.value
          }
        }
      }
    }
  }

  depends_on = [module.bucket, module.role]
}
