output "roles" {
  description = "The role that plans, the role that deploys, and the limit of every role that the second makes."
  value = {
    plan_role_arn   = aws_iam_role.this["plan"].arn
    deploy_role_arn = aws_iam_role.this["deploy"].arn
    boundary_arn    = aws_iam_policy.boundary.arn
  }
}
