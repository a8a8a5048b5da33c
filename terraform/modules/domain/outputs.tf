output "url" {
  description = "Where the API answers."
  value       = "https://${aws_apigatewayv2_api_mapping.this.domain_name}"
}
