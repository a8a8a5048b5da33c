output "id" {
  description = "The API's id."
  value       = aws_apigatewayv2_api.this.id
}

output "endpoint" {
  description = "AWS's own address of the API, without a slash at its end."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "invoke_url" {
  description = "Where its stage answers."
  value       = aws_apigatewayv2_stage.this.invoke_url
}

output "stage" {
  description = "The stage's name."
  value       = aws_apigatewayv2_stage.this.name
}

output "log_group" {
  description = "Where its access logs are."
  value       = aws_cloudwatch_log_group.this.name
}
