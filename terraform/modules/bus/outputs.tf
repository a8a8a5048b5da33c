output "name" {
  description = "The bus's name."
  value       = aws_cloudwatch_event_bus.this.name
}

output "arn" {
  description = "The bus's ARN."
  value       = aws_cloudwatch_event_bus.this.arn
}

output "rules" {
  description = "Each queue's rule."
  value       = { for queue, rule in aws_cloudwatch_event_rule.this : queue => { name = rule.name, arn = rule.arn } }
}

output "dead" {
  description = "The queue of what no queue took."
  value       = { name = module.dead.name, arn = module.dead.arn, url = module.dead.url }
}
