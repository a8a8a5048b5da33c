output "statements" {
  description = "Statements of an IAM policy."
  value = concat(
    [
      for it in local.candidates : {
        Sid      = it.name
        Effect   = "Allow"
        Action   = it.actions
        Resource = it.resources
      } if it.when
    ],
    [for it in [local.at_rest] : it if length(local.services) > 0],
  )
}
