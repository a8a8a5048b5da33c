output "name" {
  description = "The anchors' bucket."
  value       = module.bucket.name
}

output "arn" {
  description = "The bucket's ARN."
  value       = module.bucket.arn
}

output "key_arn" {
  description = "What encrypts them."
  value       = module.key.arn
}
