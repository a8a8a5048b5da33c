locals {
  answers = toset([for route in values(module.stack.routes) : route.function])

  called = {
    for name, function in module.function : name => {
      name       = function.name
      alias      = function.live.name
      invoke_arn = function.live.invoke_arn
    }
  }

  url        = var.domain == null ? module.api.endpoint : "https://${var.domain.name}"
  issuer     = coalesce(var.issuer, local.url)
  audience   = coalesce(var.audience, var.name)
  log_origin = coalesce(var.log_origin, "${var.name}.${var.region}.${local.account}/ledger")
}

module "api" {
  source = "./modules/api"

  name                 = var.name
  functions            = { for name, it in local.called : name => it if contains(local.answers, name) }
  routes               = module.stack.routes
  authorizer           = local.called[module.stack.authorizer]
  origins              = var.origins
  throttle             = var.throttle
  route_throttles      = var.route_throttles
  has_default_endpoint = var.has_default_endpoint
  log_days             = var.log.days
  key_arn              = module.key.arn
}
