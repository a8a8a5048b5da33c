output "vault" {
  description = "Where recovery points are."
  value       = aws_backup_vault.this.name
}

output "role_arn" {
  description = "The role that backs up and restores."
  value       = module.role.arn
}
