output "name" {
  description = "The vault's bucket."
  value       = module.bucket.name
}

output "lock" {
  description = "How it is locked."
  value       = var.lock
}
