output "state_bucket" {
  description = "`STATE_BUCKET`, a variable of the repository."
  value       = module.states.name
}

output "roles" {
  description = "By environment: `PLAN_ROLE_ARN` of the GitHub environment `<environment>-plan`, `DEPLOY_ROLE_ARN` of `<environment>`, and `boundary_arn` for its tfvars."
  value       = { for name, it in module.deployer : name => it.roles }
}
