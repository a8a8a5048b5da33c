output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "version" {
  description = "Its newest version, which the alias may not have yet."
  value       = aws_lambda_function.this.version
}

output "live" {
  description = "The alias that everything calls."
  value       = { name = local.alias.name, arn = local.alias.arn, invoke_arn = local.alias.invoke_arn }
}

output "role_arn" {
  description = "The role that it works under."
  value       = aws_iam_role.this.arn
}

output "log_group" {
  description = "Where its logs are."
  value       = aws_cloudwatch_log_group.this.name
}
