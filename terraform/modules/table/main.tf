resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_28: The outbox empties within seconds and counters may be lost. A test holds that records are recoverable.
  # checkov:skip=CKV2_AWS_16: On demand; there is no capacity to scale.
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  stream_enabled   = var.has_stream
  stream_view_type = var.has_stream ? "NEW_IMAGE" : null

  point_in_time_recovery {
    enabled = var.is_recoverable
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.key_arn
  }

  deletion_protection_enabled = var.is_protected
}
