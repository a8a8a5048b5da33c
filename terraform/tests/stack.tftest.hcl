# Run by `terraform test`. Only modules that make nothing: what is made, the tests of the repository look at.

variables {
  functions = jsondecode(file("../infra/stack.json")).functions
  queues = {
    for name, queue in jsondecode(file("../infra/stack.json")).queues :
    name => merge(queue, { from = flatten([queue.from]) })
  }
}

run "the_manifest_is_taken_whole" {
  command = plan

  module {
    source = "./modules/stack"
  }

  assert {
    condition     = output.routes["POST /v1/risk/address"] == { function = "risk-score", action = "risk:score" }
    error_message = "A route leads to its function."
  }

  assert {
    condition     = !contains(keys(output.subscriptions), "audit") && output.subscriptions["notify"][0].prefix != ""
    error_message = "Queues of the relay have no subscription, the others have theirs."
  }

  assert {
    condition     = output.queues["audit"].from_relay && !output.queues["notify"].from_relay
    error_message = "The relay fills the queue `audit` and no other."
  }

  assert {
    condition     = output.authorizer == "authorizer"
    error_message = "The authorizer is found by its trigger."
  }
}

run "an_unknown_member_is_refused" {
  command = plan

  module {
    source = "./modules/stack"
  }

  variables {
    functions = {
      a = { purpose = "A.", trigger = { schedule = "rate(1 minute)" }, memory_mb = 128, timeout_s = 1, ports = {} }
    }
    queues = {}
  }

  expect_failures = [var.functions]
}

run "a_door_waits_no_longer_than_its_gateway" {
  command = plan

  module {
    source = "./modules/stack"
  }

  variables {
    functions = {
      a = { purpose = "A.", trigger = { http = { "GET /a" = "public" } }, memory_mb = 128, timeout_s = 30 }
    }
    queues = {}
  }

  expect_failures = [var.functions]
}

run "a_queue_without_consumer_is_refused" {
  command = plan

  module {
    source = "./modules/stack"
  }

  variables {
    functions = {
      a = { purpose = "A.", trigger = { schedule = "rate(1 minute)" }, memory_mb = 128, timeout_s = 1 }
    }
    queues = { lonely = { from = ["relay"] } }
  }

  expect_failures = [var.queues]
}
