module "dead" {
  source = "../dead-letters"

  name    = "${var.name}-dead"
  key_arn = var.key_arn
}

resource "aws_sqs_queue" "this" {
  name              = var.name
  kms_master_key_id = var.key_arn

  # AWS's rule for queues of Lambda: six times the function's own limit, so that a batch that is
  # throttled or tried again inside the mapping is not handed out a second time meanwhile.
  visibility_timeout_seconds = 6 * var.consumer_timeout_s

  # Four days: longer than all pauses of a webhook's retries together.
  message_retention_seconds = 345600
  receive_wait_time_seconds = 20

  redrive_policy = jsonencode({
    deadLetterTargetArn = module.dead.arn
    maxReceiveCount     = var.receives_max
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = module.dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for it in [
        {
          when = true
          statement = {
            Sid       = "TlsOnly"
            Effect    = "Deny"
            Principal = "*"
            Action    = "sqs:*"
            Resource  = aws_sqs_queue.this.arn
            Condition = { Bool = { "aws:SecureTransport" = "false" } }
          }
        },
        {
          when = var.has_rule
          statement = {
            Sid       = "FromTheBus"
            Effect    = "Allow"
            Principal = { Service = "events.amazonaws.com" }
            Action    = "sqs:SendMessage"
            Resource  = aws_sqs_queue.this.arn
            Condition = { ArnEquals = { "aws:SourceArn" = var.rule_arn } }
          }
        },
      ] : it.statement if it.when
    ]
  })
}
