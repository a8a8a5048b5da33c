resource "aws_sqs_queue" "this" {
  name                      = var.name
  kms_master_key_id         = var.key_arn
  message_retention_seconds = 1209600 # 14 days, SQS's most
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
      ], [
      for service, sources in var.publishers : {
        Sid       = "From${replace(title(replace(service, ".", " ")), " ", "")}"
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = { ArnEquals = { "aws:SourceArn" = sources } }
      }
    ])
  })
}
