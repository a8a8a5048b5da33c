resource "aws_cloudwatch_event_bus" "this" {
  name               = var.name
  kms_key_identifier = var.key_arn

  # What cannot be encrypted or decrypted: a key that is gone loses nothing that was published.
  dead_letter_config {
    arn = module.dead.arn
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = var.subscriptions

  name           = "${var.name}-${each.key}"
  description    = "Hands the events that ${each.key} subscribed to to its queue."
  event_bus_name = aws_cloudwatch_event_bus.this.name

  event_pattern = jsonencode({
    "detail-type" = [for type in each.value : try({ prefix = type.prefix }, type.equals)]
  })
}

# What no queue took. The queues' own dead letters are events as they stand; these are wrapped as the bus
# has them, with the reason in the message's attributes.
module "dead" {
  source = "../dead-letters"

  name    = "${var.name}-dead"
  key_arn = var.key_arn
  publishers = {
    "events.amazonaws.com" = concat(
      [aws_cloudwatch_event_bus.this.arn],
      [for rule in aws_cloudwatch_event_rule.this : rule.arn],
    )
  }
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = var.subscriptions

  event_bus_name = aws_cloudwatch_event_bus.this.name
  rule           = aws_cloudwatch_event_rule.this[each.key].name
  target_id      = "queue"
  arn            = var.queue_arns[each.key]

  # The event as it was published, and not the bus's envelope.
  input_path = "$.detail"

  # A fair queue: a tenant with many messages does not make the others wait.
  sqs_target {
    message_group_id = "$.detail.tenantid"
  }

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = module.dead.arn
  }
}
