resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18: Reads and writes of objects are for the account's trail of data events; a log bucket would need one of its own.
  # checkov:skip=CKV_AWS_144: What must survive the region is copied by the ledger's anchor and by backups, not blob by blob.
  # checkov:skip=CKV2_AWS_62: No part waits for an object: who writes one commits a fact that names it.
  bucket              = var.name
  object_lock_enabled = var.lock != null
  force_destroy       = var.may_be_destroyed
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.lock == null ? 0 : 1

  bucket = aws_s3_bucket_versioning.this.bucket

  rule {
    default_retention {
      mode = var.lock.mode
      days = var.lock.days
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # One data key a bucket and hour, in place of one an object.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # checkov:skip=CKV_AWS_300: The first rule does so for the whole bucket; the check wants it of each rule.
  bucket = aws_s3_bucket.this.id

  # What becomes of versions is said once there are any.
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "uploads-that-were-given-up"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  dynamic "rule" {
    for_each = var.expires

    content {
      id     = "${trimsuffix(rule.key, "/")}-that-nobody-took"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = var.noncurrent_days == null ? [] : [var.noncurrent_days]

    content {
      id     = "versions-that-were-replaced"
      status = "Enabled"

      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket_public_access_block.this.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "TlsOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        }
      ],
      [for statement in var.statements : merge(statement, { Resource = "${aws_s3_bucket.this.arn}/*" })],
      [for statement in var.bucket_statements : merge(statement, { Resource = aws_s3_bucket.this.arn })],
    )
  })
}
