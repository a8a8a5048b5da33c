output "deployments" {
  description = "What CodeDeploy is to be asked for, function by function, when the alias has another version than the newest."
  value = {
    for name, it in var.functions : name => {
      application = aws_codedeploy_app.this.name
      group       = aws_codedeploy_deployment_group.this[name].deployment_group_name
      function    = it.name
      alias       = it.alias
      version     = it.version
    }
  }
}
