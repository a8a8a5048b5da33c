# Where the ledger's checkpoints are put each hour and stay: a bucket under Object Lock, with a key of its own, in an account that
# the platform's operators should not rule. One function may put and read, and nobody may delete before the time is over.

locals {
  via_s3 = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
}

module "key" {
  source = "../key"

  name    = var.name
  purpose = "Encrypts the ledger's anchors."
  statements = [
    {
      Sid       = "Anchor"
      Effect    = "Allow"
      Principal = { AWS = var.role_arn }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = local.via_s3
    }
  ]
}

module "bucket" {
  source = "../bucket"

  name             = var.bucket
  key_arn          = module.key.arn
  lock             = var.lock
  may_be_destroyed = var.may_be_destroyed
  statements = [
    {
      Sid       = "Anchor"
      Effect    = "Allow"
      Principal = { AWS = var.role_arn }
      Action    = ["s3:GetObject", "s3:PutObject"]
    }
  ]
  bucket_statements = [
    {
      # Without it S3 answers 403 for an anchor that is absent, and not 404.
      Sid       = "KnowAbsentAnchors"
      Effect    = "Allow"
      Principal = { AWS = var.role_arn }
      Action    = "s3:ListBucket"
    }
  ]
}
