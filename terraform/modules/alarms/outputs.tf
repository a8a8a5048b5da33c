output "names" {
  description = "Each alarm's name, by kind and thing."
  value       = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.alarm_name }
}

output "arns" {
  description = "Each alarm's ARN."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn]
}
