locals {
  # The one list of functions, routes, queues, schedules and subscriptions, which the local host reads too.
  manifest = jsondecode(file("${path.module}/../infra/stack.json"))
}

module "stack" {
  source = "./modules/stack"

  functions = local.manifest.functions
  queues = {
    for name, queue in local.manifest.queues : name => merge(queue, { from = flatten([queue.from]) })
  }
}
